"""The Dockerfile, as far as it can be tried without Docker: what it copies, runs and asks."""

from __future__ import annotations

import json
import re
import signal

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.daemon.test_running import FREE
from tests.support.daemon_process import DaemonTestCase
from tests.support.paths import ROOT

DOCKERFILE = ROOT.child("Dockerfile").getContent().decode().replace("\\\n", " ")


def command(instruction: str) -> list[str]:
    """Return the words of an instruction in exec form, in which no shell stands before signals."""
    (words,) = re.findall(rf"(?m)^{instruction}\b.*?(\[.*\])$", DOCKERFILE)
    parsed: list[str] = json.loads(words)
    return parsed


class ContentTests(SynchronousTestCase):
    def test_what_is_built_from_is_sent_to_the_build(self) -> None:
        ignore = ROOT.child(".dockerignore").getContent().decode().splitlines()
        sent = {line[1:] for line in ignore if line.startswith("!")}
        self.assertEqual(ignore[0], "*")
        files = {"LICENSE", "README.md", "pyproject.toml", "setup.py"}
        self.assertEqual(sent, {"gim", "twisted", "clients/js/*.js", *files})
        for pattern in sent:
            *directories, name = pattern.split("/")
            self.assertTrue(ROOT.descendant(directories).globChildren(name), pattern)

    def test_it_does_not_run_as_root(self) -> None:
        (user,) = re.findall(r"(?m)^USER (\d+)$", DOCKERFILE)
        self.assertIn(f"--uid {user} ", DOCKERFILE)

    def test_its_user_alone_may_use_the_volume(self) -> None:
        (volume,) = command("VOLUME")
        (user,) = re.findall(r"(?m)^USER (\d+)$", DOCKERFILE)
        self.assertIn(f"install --directory --owner={user} --mode=0700 {volume}\n", DOCKERFILE)
        self.assertIn(f"-v gim-data:{volume}", DOCKERFILE)
        self.assertIn(f"--data-dir {volume}", DOCKERFILE)


class CommandTests(DaemonTestCase):
    starts_afresh = True

    async def test_it_starts_is_healthy_and_stops(self) -> None:
        environment = dict(re.findall(r"(GIM_\w+)=(\S+)", DOCKERFILE)) | {
            "GIM_WS": FREE,
            "GIM_HTTP": FREE,
        }
        process = self.spawn(*command("ENTRYPOINT"), **environment)
        await self.listens(process)
        self.assertTrue(process.output[1].startswith('{"time"'))
        self.assertTrue(await self.is_healthy())
        process.signal(signal.SIGTERM)
        self.assertEqual(await process.exited, 0)
        self.assertEqual(await self.health(), 1)

    async def test_the_example_listens_where_its_ports_are_published(self) -> None:
        (options,) = re.findall(
            r"(?m)^#     docker run .*-p 127.0.0.1:8081:8081 .* gim (.*)$", DOCKERFILE
        )
        words = [word.replace(":8081", ":0") for word in options.split()]
        process = self.spawn(*command("ENTRYPOINT"), *words, GIM_WS=":0")
        await process.says(r"api listens on 0\.0\.0\.0:")
        await process.says(r"gateway listens on 0\.0\.0\.0:")

    async def is_healthy(self) -> bool:
        """Check again and again: Docker leaves half a minute between two checks, and fails a container
        after three."""
        for _ in range(10):
            if await self.health() == 0:
                return True
        return False

    async def health(self) -> int | None:
        words = [word.replace(":8081/", f":{self.http}/") for word in command("HEALTHCHECK")]
        return await self.spawn(*words).exited
