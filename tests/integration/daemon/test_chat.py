"""``gim chat`` on a terminal of its own, against a real daemon."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import termios

from twisted.internet import reactor

from tests.integration.daemon.test_connected_commands import FREE, ConnectedCase
from tests.support.daemon_process import SCRIPTS, Process

_SEQUENCES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[=>78])")
WHERE = "\x1b[6n"  # asks a terminal where the cursor is


class TerminalProcess(Process):
    """A process on a terminal that says where its cursor is. ``output`` lacks what moves the cursor."""

    def __init__(self) -> None:
        super().__init__()
        self.raw = ""

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        asked = self.raw.count(WHERE)
        self.raw += data.decode("utf-8", "replace")
        for _ in range(self.raw.count(WHERE) - asked):
            self.transport.write(b"\x1b[1;1R")
        self.output[1] = _SEQUENCES.sub("", self.raw)
        super().childDataReceived(childFD, b"")

    def type(self, text: str) -> None:
        self.transport.write(text.encode())

    def resize(self, rows: int, columns: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.transport.fileno(), termios.TIOCSWINSZ, size)


class ChatTests(ConnectedCase):
    def chat(self, *words: str) -> TerminalProcess:
        """Start to chat as ann."""
        process = TerminalProcess()
        words = (SCRIPTS.child("gim").path, "chat", "--as", "ann", *words)
        variables = os.environ | {"TERM": "xterm", "GIM_WS_URL": f"ws://127.0.0.1:{self.ws}"}
        reactor.spawnProcess(process, words[0], words, variables, usePTY=True)
        self.addCleanup(self._reap, process)
        process.resize(24, 80)
        return process

    async def test_two_users_talk(self) -> None:
        await self.daemon()
        await self.said("send", "ann", "are you there?", "--as", "bob")
        ann = self.chat("bob")
        await ann.says(r"── bob ──\s+\d\d:\d\d bob: are you there\?\s")
        await ann.says("bob>")
        ann.type("yes\r")
        await ann.says(r"\d\d:\d\d ann: yes\s")
        self.assertIn(" ann: yes\n", await self.said("history", "2:ann:bob", "--as", "bob"))
        await self.said("send", "ann", "\x1b[2Jgood", "--as", "bob")
        await ann.says(r"bob: \\x1b\[2Jgood\s")
        self.assertNotIn("\x1b[2J", ann.raw)
        await self.said("send", "ann", "psst", "--as", "zoe")
        await ann.says("  zoe 1")
        ann.type("/to z\t")
        await ann.says("/to z(?s:.*)oe")
        ann.type("\r")
        await ann.says("zoe: psst")
        ann.type("\x04")
        self.assertEqual(await ann.exited, 0)
        self.assertEqual(re.findall(r"\x1b\[\?2004([hl])", ann.raw)[-1], "l")  # as it was before

    async def test_it_waits_for_a_server_that_starts_anew(self) -> None:
        daemon = await self.daemon()
        ann = self.chat("bob")
        await ann.says("bob>")
        daemon.signal(signal.SIGKILL)
        await daemon.exited
        await ann.says("disconnected, next try in")
        ann.type("still here\r")
        await ann.says("… still here \\(sending\\)")
        address = f"tcp:{self.ws}:interface=127.0.0.1"
        await self.listens(self.spawn("twistd", "-n", "gim", "--ws", address, "--http", FREE))
        await ann.says("── the server has lost its data ──")
        await ann.says(r"ann: still here\s")
        self.assertIn(" ann: still here\n", await self.said("history", "2:ann:bob", "--as", "bob"))

    async def test_it_follows_the_size_of_the_terminal(self) -> None:
        await self.daemon()
        ann = self.chat("--room", "den")
        await ann.says("#den>")
        ann.resize(8, 30)
        ann.type("small\r")
        await ann.says(r"ann: small\s")
        ann.resize(50, 200)
        ann.type("large\r")
        await ann.says(r"ann: large\s")
        ann.type("/members\r")
        await ann.says(r"· ann: online, owner\s")

    async def test_an_interrupt_or_the_end_of_the_terminal_ends_it(self) -> None:
        await self.daemon()
        chats = [self.chat("bob") for _ in range(4)]
        for ann in chats:
            await ann.says("bob>")
        chats[0].type("half a line\x03\x03")
        chats[1].signal(signal.SIGINT)
        chats[2].signal(signal.SIGTERM)
        chats[3].signal(signal.SIGHUP)
        for ann in chats:
            self.assertEqual(await ann.exited, 130)
            self.assertTrue(ann.raw.rstrip().endswith("\x1b[?2004l"), ann.raw[-40:])
