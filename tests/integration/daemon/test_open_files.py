"""A daemon that may open few files: clients above that get an answer, and all else goes on."""

from __future__ import annotations

import signal
import socket

import treq
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from gim.limits.report import REPORT_INTERVAL
from tests.integration.daemon.test_running import FREE
from tests.support.daemon_process import PATIENCE, DaemonTestCase, Process
from tests.support.hostile.attacks import HANDSHAKE

FEW = (40, 40)  # open files of each process
STRANGERS = 50  # for each process that serves
REACHED = r"#warn(?: \d)?\] limits were reached: open files \d+ times\n"  # by a process, or by a worker


class OpenFilesTests(DaemonTestCase):
    async def limited(self, files: tuple[int, int], *options: str) -> Process:
        """Start with so many open files: the soft and the hard limit."""
        self.open_files = files
        process = self.spawn("twistd", "-n", "--pidfile=", "gim", "--ws", FREE, "--http", FREE, *options)
        await self.listens(process)
        return process

    def connect(self, port: int) -> socket.socket:
        """Connect a stranger. The server may hang up before this has returned."""
        stranger = socket.socket()
        self.addCleanup(stranger.close)
        stranger.settimeout(PATIENCE)
        try:
            stranger.connect(("127.0.0.1", port))
        except ConnectionResetError:
            pass  # its status will be b""
        return stranger

    def status(self, stranger: socket.socket) -> bytes:
        """Return the status of the answer to a handshake, b"" if the server hung up."""
        try:
            stranger.sendall(HANDSHAKE)
            return stranger.recv(1024)[9:12]
        except ConnectionError:
            return b""

    async def is_healthy(self) -> None:
        response = await treq.get(f"http://127.0.0.1:{self.http}/healthz", persistent=False)
        self.assertEqual(response.code, 200)
        await response.content()

    async def test_with_40_files_clients_get_a_503_and_health_checks_a_200(self) -> None:
        process = await self.limited(FEW, "--log-level=info", "--drain=0")
        ann = await self.client()
        await ann.ask(101, id="ann")
        statuses = []
        for _ in range(STRANGERS * self.worker_count):
            stranger = self.connect(self.ws)
            statuses.append(await deferToThread(self.status, stranger))
            await self.is_healthy()
        await ann.ask(105)
        self.assertEqual(set(statuses), {b"101", b"503"})
        self.assertGreater(statuses.count(b"101"), 5)
        process.signal(signal.SIGTERM)  # it reports what was not reported yet
        self.assertEqual(await process.exited, 0)
        await process.says(REACHED)
        self.assertNotIn("EMFILE", process.output[1])
        lines = process.output[1].count("limits were reached")
        self.assertLessEqual(lines, self.worker_count * (2 + len(statuses) / REPORT_INTERVAL))

    async def test_strangers_who_wait_do_not_take_the_last_files(self) -> None:
        process = await self.limited(FEW)
        ann = await self.client()
        await ann.ask(101, id="ann")
        for _ in range(STRANGERS * self.worker_count):
            self.connect(self.ws)  # says nothing
        await deferLater(reactor, 0)
        for _ in range(5):
            await self.is_healthy()
        await ann.ask(105)
        self.assertNotIn("EMFILE", process.output[1])

    async def test_idle_clients_of_http_keep_neither_health_checks_nor_clients_out(self) -> None:
        process = await self.limited(FEW, "--drain=0")
        ann = await self.client()
        await ann.ask(101, id="ann")
        for _ in range(STRANGERS * self.worker_count):
            self.connect(self.http)  # says nothing
            await self.is_healthy()
        await ann.ask(105)
        self.assertEqual(await deferToThread(self.status, self.connect(self.ws)), b"101")
        process.signal(signal.SIGTERM)  # it reports what was not reported yet
        await process.exited
        await process.says(REACHED)
        self.assertNotIn("EMFILE", process.output[1])

    async def test_nor_do_clients_of_both_ports_together(self) -> None:
        process = await self.limited(FEW, "--handshake-timeout=1m")
        ann = await self.client()
        await ann.ask(101, id="ann")
        for _ in range(STRANGERS * self.worker_count):
            self.connect(self.http)
            self.connect(self.ws)
            # each time: among many strangers of a moment, a health check may have to make room for them
            await self.is_healthy()
        await ann.ask(105)
        self.assertNotIn("EMFILE", process.output[1])

    async def test_the_soft_limit_is_raised_to_the_hard_one(self) -> None:
        process = await self.limited((50, 500))
        await process.says(r"open files 500 \(soft\) and 500 \(hard\)")

    async def test_but_not_for_a_reactor_that_uses_select(self) -> None:
        words = "--reactor=select", "-n", "--pidfile=", "gim", "--ws", FREE, "--http", FREE
        self.open_files = 500, 5000
        process = self.spawn("twistd", *words)
        await process.says(r"open files 500 \(soft\) and 5000 \(hard\)")
