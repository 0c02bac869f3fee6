"""What docs/authentication.md shows is what happens."""

from __future__ import annotations

import os
import re
import shlex

from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.filepath import FilePath

from tests.integration.daemon.test_documents import blocks, steady
from tests.support.daemon_process import SCRIPTS, DaemonTestCase

DIRECTORY = "/etc/gim"


class DocumentTests(DaemonTestCase):
    async def test_the_examples(self) -> None:
        shown = list(blocks("authentication.md", "docs"))
        self.assertEqual(len(shown), 4)
        files = FilePath(self.mktemp())
        files.makedirs()
        self.files = files.path
        for lines in shown:
            *lines, last = lines
            is_start = last.startswith("$ twistd")
            await self.play(lines if is_start else [*lines, last])
            if is_start:
                await self.start(last)

    async def start(self, line: str) -> None:
        """Run the daemon of the document on other ports."""
        words = shlex.split(line.replace(DIRECTORY, self.files))
        self.assertEqual(words[1:8], ["twistd", "-n", "gim", "--ws", "8080", "--http", "8081"])
        await self.daemon(*words[8:])

    async def play(self, lines: list[str]) -> None:
        """Run the commands of a block in a shell and compare what they print."""
        script = "\n".join(line[2:] + "; echo" for line in lines if line.startswith("$ "))
        if hasattr(self, "http"):
            script = script.replace("127.0.0.1:8081", f"127.0.0.1:{self.http}")
        environment = os.environ | {"PATH": f"{SCRIPTS.path}:{os.environ['PATH']}"}
        out, err, status = await getProcessOutputAndValue(
            "/bin/sh", ["-ec", script.replace(DIRECTORY, self.files)], environment
        )
        self.assertEqual((err, status), (b"", 0), script)
        printed = out.decode().replace(self.files, DIRECTORY).splitlines()
        expected = [line for line in lines if not line.startswith("$ ")]
        self.assertEqual(
            [self.steady(line) for line in printed if line], [self.steady(line) for line in expected]
        )

    def steady(self, line: str) -> str:
        return re.sub(r"\b\d{10}\b", "SECONDS", steady(line))
