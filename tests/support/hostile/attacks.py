"""A real daemon under attack: raw sockets, a client to be answered meanwhile, and its memory."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

import treq
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.web.client import ResponseNeverReceived

from tests.support.daemon_process import PATIENCE, Client, DaemonTestCase, Process

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
QUICK = ("--handshake-timeout", "1s", "--login-timeout", "1m", "--drain", "0")


class AttackCase(DaemonTestCase):
    """Has a daemon with ann, who is connected and answered whatever goes on."""

    async def attacked(self, *options: str, script: tuple[str, ...] = ("twistd", "-n", "gim")) -> None:
        self.process: Process = await self.daemon(*QUICK, *options, script=script)
        self.ann: Client = await self.client()
        await self.ann.ask(101, id="ann")
        self.memory = self.resident()
        self.sockets: list[socket.socket] = []
        self.unsaid: dict[socket.socket, bytes] = {}
        self.addCleanup(self.hang_up)

    def tearDown(self) -> None:
        said = self.process.output[1] + self.process.output[2]
        for word in ("Traceback", "Unhandled", "#error]", "#critical]"):
            self.assertNotIn(word, said)

    def connect(self, port: int, say: bytes = b"") -> socket.socket:
        """Connect a socket, which never blocks, and say this."""
        made = socket.socket()
        made.settimeout(PATIENCE)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that little is taken unread
        made.connect(("127.0.0.1", port))
        self.sockets.append(made)
        made.setblocking(False)
        self.say(made, say)
        return made

    async def opened(self, count: int, say: bytes = b"") -> list[socket.socket]:
        """Return WebSocket connections whose handshake is done, and that have said this."""
        made = [self.connect(self.ws, HANDSHAKE) for _ in range(count)]
        for each in made:
            while b"101" not in self.heard(each):
                await self.turn(0.01)
            self.say(each, say)
        return made

    def heard(self, made: socket.socket) -> bytes:
        try:
            return made.recv(1024)
        except BlockingIOError:
            return b""

    def say(self, made: socket.socket, data: bytes) -> None:
        """Send what the kernel takes of this, once it has taken all that was said before."""
        rest = self.unsaid.pop(made, b"") or data
        try:
            sent = made.send(rest) if rest else 0
        except BlockingIOError:
            sent = 0
        except OSError:  # the peer has hung up
            return
        if sent < len(rest):
            self.unsaid[made] = rest[sent:]

    def hang_up(self) -> None:
        for each in self.sockets:
            each.close()
        self.sockets.clear()

    async def turn(self, seconds: float = 0) -> None:
        await deferLater(reactor, seconds)

    async def ann_is_answered(self) -> float:
        """Return after how many seconds."""
        began = reactor.seconds()
        await self.ann.ask(105)
        return reactor.seconds() - began

    async def eventually(self, check: Callable[[int], bool], what: str) -> None:
        """Wait until *check* holds for the number of WebSocket connections; ann is answered meanwhile."""
        deadline = reactor.seconds() + PATIENCE
        while not check(count := await self.connections()):
            assert reactor.seconds() < deadline, f"{count} connections: waited in vain for {what}"
            await self.ann_is_answered()
            await self.turn(0.05)

    async def connections(self) -> int:
        """Return how many there are, -1 while gim takes none to ask."""
        try:
            response = await treq.get(f"http://127.0.0.1:{self.http}/metrics", persistent=False)
        except ResponseNeverReceived:
            return -1
        found = re.search(r"^gim_connections (\d+)", await treq.text_content(response), re.MULTILINE)
        assert found is not None
        return int(found[1])

    def resident(self) -> int:
        """Return the bytes of the daemon's memory."""
        with open(f"/proc/{self.process.transport.pid}/status") as file:
            found = re.search(r"^VmRSS:\s+(\d+) kB", file.read(), re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024

    def grown(self) -> int:
        """Return how many bytes of memory the attack has cost."""
        return self.resident() - self.memory
