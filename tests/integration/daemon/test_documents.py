"""What the documents show is what happens: every example is played against a daemon."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon_process import Client, DaemonTestCase
from tests.support.paths import ROOT

FIELD = re.compile(r'"(\w+)":')
CUT = "…"
VOLATILE = (
    (r"[0-9a-f]{32}", "ID"),
    (r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "TOKEN"),
    (r"\b\d{13}\b", "TIME"),
    (r'epoch\\":\\"[0-9a-f]{16}', "EPOCH"),
    (r'"node":"[0-9a-f]{16}"', "NODE"),
    (r'"key":"[0-9a-f]{8}-\d+"', "KEY"),
    (r'"peer":"127.0.0.1:\d+"', "PEER"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "DATE"),
    (r"banned for \d+ s", "BANNED"),
)


def steady(line: str) -> str:
    """Put names for what differs from run to run."""
    for pattern, name in VOLATILE:
        line = re.sub(pattern, name, line)
    return line


def text(document: str, *directories: str) -> str:
    return ROOT.descendant(directories).preauthChild(document).getContent().decode()


def blocks(document: str, *directories: str) -> Iterator[list[str]]:
    """Yield the lines of each code block of a document."""
    for block in re.findall(r"^```\n(.*?)^```$", text(document, *directories), re.MULTILINE | re.DOTALL):
        yield block.splitlines()


class WscatTests(DaemonTestCase):
    """The WebSocket examples: the first and the last session are one window, the second another."""

    async def play(self, document: str, *directories: str) -> int:
        """Play a document's wscat sessions; return how many lines they have."""
        await self.daemon()
        first, second = await self.client(), await self.client()
        sessions = [
            lines
            for lines in blocks(document, *directories)
            if any(line[:2] in ("> ", "< ") for line in lines)
        ]
        for client, lines in zip((first, second, first), sessions, strict=True):
            for line in lines:
                await self.play_line(client, line)
        return sum(map(len, sessions))

    async def play_line(self, client: Client, line: str) -> None:
        if line.startswith("> "):
            client.say(line[2:])
        elif line.startswith("< "):
            self.compare(await client.next(), line[2:])
        else:
            self.assertEqual(line, "$ wscat -c ws://127.0.0.1:8080")

    def compare(self, came: str, shown: str) -> None:
        """Compare what came with what is shown, where … stands for anything."""
        if CUT in shown:
            parts = map(re.escape, shown.split(CUT))
            self.assertRegex(came, rf"\A{'.*'.join(parts)}\Z")
        else:
            self.assertEqual(steady(came), steady(shown))

    async def test_the_tutorial(self) -> None:
        self.assertGreater(await self.play("tutorial.md", "docs"), 20)

    async def test_the_readme(self) -> None:
        self.assertGreater(await self.play("README.md"), 11)

    async def test_the_chinese_readme(self) -> None:
        self.assertGreater(await self.play("README.zh-CN.md"), 11)


class CommandTests(DaemonTestCase):
    """The examples of the command gim."""

    async def test_a_conversation_with_commands(self) -> None:
        key = "7b0fb3e8c1c94d0a9d53"
        await self.daemon(GIM_ADMIN_KEY=key)
        played = 0
        lines = next(lines for lines in blocks("cli.md", "docs") if "gim post" in lines[0])
        for line, shown in zip(lines[::2], lines[1::2], strict=True):
            _, name, *words = shlex.split(line)
            process = self.spawn(name, *words, GIM_ADMIN_KEY=key, GIM_URL=f"http://127.0.0.1:{self.http}")
            await process.exited
            self.assertEqual(steady(process.output[1] + process.output[2]), steady(f"{shown}\n"))
            played += 1
        self.assertGreater(played, 4)


class ReadmeTests(SynchronousTestCase):
    def test_both_readmes_have_the_same_examples(self) -> None:
        examples = [
            [lines for lines in blocks(name) if not any("│" in line for line in lines)]
            for name in ("README.md", "README.zh-CN.md")
        ]
        self.assertEqual(len(examples[0]), 6)
        self.assertEqual(*examples)

    def test_both_readmes_name_the_same_pages(self) -> None:
        pages = [
            sorted(re.findall(r"\]\((?!README)([^)]+)\)", text(name)))
            for name in ("README.md", "README.zh-CN.md")
        ]
        self.assertEqual(*pages)


class CurlTests(DaemonTestCase):
    """The HTTP examples, by the shell and the real curl."""

    async def test_the_tutorial(self) -> None:
        await self.daemon()
        client = await self.client()
        await client.ask(101, id="1001")
        await client.ask(301, id="9999")
        (lines,) = [lines for lines in blocks("tutorial.md", "docs") if "curl" in lines[0]]
        await self.play(lines)
        self.assertIn("your order is on its way", await client.next())

    async def test_the_administration(self) -> None:
        key = "7b0fb3e8c1c94d0a9d53"
        before = f"KEY={key}\n"
        address = "tcp:0:interface=127.0.0.1"
        process = self.spawn("twistd", "-n", "gim", "--ws", address, "--http", address, GIM_ADMIN_KEY=key)
        await self.listens(process)
        client = await self.client()
        await client.ask(101, id="1001")
        sections = [lines for lines in blocks("docs/administration.md") if lines[0].startswith("$ curl")]
        endless = [lines for lines in sections if lines[0].startswith("$ curl -sN")]
        others = [lines for lines in sections if lines not in endless]
        messages, users, connections, chatrooms, busiest, options, statistics = others
        self.assertEqual(len(endless), 2)  # streams of events
        await self.play(messages, before)
        self.assertIn("your parcel is here", await client.next())
        self.assertIn("sold!", await client.next())
        self.assertIn("your parcel has left", await client.next())
        self.assertIn("maintenance at 5", await client.next())
        connection = await self.connection_of_1001(before)
        await self.play([line.replace("/5f1d2c3a-1 ", f"/{connection} ") for line in users], before)
        client = await self.client()
        await client.ask(101, id="1001")
        for lines in chatrooms, statistics:
            await self.play(lines, before)
        for command, shown in connections, busiest, options:  # whose numbers and texts differ
            answer = await self.shell(before + self.asked(command))
            self.assertLessEqual(set(FIELD.findall(answer)), set(FIELD.findall(shown)), command)
        self.assertNotIn(key, process.output[1] + process.output[2])

    async def connection_of_1001(self, before: str) -> str:
        """Return the key of the one connection of user 1001."""
        url = f"http://127.0.0.1:{self.http}/v1/admin/users/1001/connections"
        listed = await self.shell(f'{before}curl -s {url} -H "X-API-Key: $KEY"')
        (connection,) = json.loads(listed)["data"]["items"]
        return str(connection["key"])

    async def play(self, lines: list[str], before: str = "") -> None:
        """Run what a block shows, and compare what comes with what it shows of that."""
        script = "\n".join(self.asked(line) + "; echo" for line in lines if line.startswith("$ "))
        output = await self.shell(before + script)
        shown = [line for line in lines if not line.startswith("$ ")]
        self.assertEqual(
            [steady(line) for line in output.splitlines() if line], [steady(line) for line in shown]
        )

    def asked(self, line: str) -> str:
        """Return a command as it is sent to this test's daemon."""
        return line[2:].replace("127.0.0.1:8081", f"127.0.0.1:{self.http}")

    async def shell(self, script: str) -> str:
        out, err, status = await getProcessOutputAndValue("/bin/sh", ["-ec", script])
        self.assertEqual((err, status), (b"", 0), script)
        return str(out.decode())
