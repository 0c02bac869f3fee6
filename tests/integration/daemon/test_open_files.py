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
from tests.support.daemon_process import PATIENCE, SCRIPTS, SHELL, DaemonTestCase, Process
from tests.support.hostile.attacks import HANDSHAKE

STRANGERS = 80
REACHED = r"#warn(?: \d)?\] limits were reached: open files \d+ times\n"  # by a process, or by a worker


class OpenFilesTests(DaemonTestCase):
    async def limited(self, limits: str, *options: str) -> Process:
        """Start below limits of the shell."""
        twistd = SCRIPTS.child("twistd").path
        words = f"{limits}; exec {twistd} -n --pidfile= gim --ws {FREE} --http {FREE} {' '.join(options)}"
        process = self.spawn("python3", "-c", SHELL, words)
        await self.listens(process)
        return process

    def connect(self, port: int) -> socket.socket:
        stranger = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.addCleanup(stranger.close)
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
        process = await self.limited("ulimit -n 40", "--log-level=info", "--drain=0")
        ann = await self.client()
        await ann.ask(101, id="ann")
        statuses = []
        for _ in range(STRANGERS):
            stranger = self.connect(self.ws)
            statuses.append(await deferToThread(self.status, stranger))
            await self.is_healthy()
        await ann.ask(105)
        self.assertEqual(set(statuses), {b"101", b"503"})
        self.assertGreater(statuses.count(b"101"), 5)
        await process.says(REACHED)
        self.assertNotIn("EMFILE", process.output[1])
        lines = process.output[1].count("limits were reached")
        self.assertLessEqual(lines, self.worker_count * (1 + STRANGERS / REPORT_INTERVAL))
        process.signal(signal.SIGTERM)
        self.assertEqual(await process.exited, 0)

    async def test_strangers_who_wait_do_not_take_the_last_files(self) -> None:
        process = await self.limited("ulimit -n 40")
        ann = await self.client()
        await ann.ask(101, id="ann")
        for _ in range(STRANGERS):
            self.connect(self.ws)  # says nothing
        await deferLater(reactor, 0)
        for _ in range(5):
            await self.is_healthy()
        await ann.ask(105)
        self.assertNotIn("EMFILE", process.output[1])

    async def test_idle_clients_of_http_keep_neither_health_checks_nor_clients_out(self) -> None:
        process = await self.limited("ulimit -n 40")
        ann = await self.client()
        await ann.ask(101, id="ann")
        for _ in range(STRANGERS):
            self.connect(self.http)  # says nothing
            await self.is_healthy()
        await ann.ask(105)
        self.assertEqual(await deferToThread(self.status, self.connect(self.ws)), b"101")
        await process.says(REACHED)
        self.assertNotIn("EMFILE", process.output[1])

    async def test_nor_do_clients_of_both_ports_together(self) -> None:
        process = await self.limited("ulimit -n 40", "--handshake-timeout=1m")
        ann = await self.client()
        await ann.ask(101, id="ann")
        for _ in range(STRANGERS):
            self.connect(self.http)
            self.connect(self.ws)
        await ann.ask(105)
        await self.is_healthy()
        self.assertNotIn("EMFILE", process.output[1])

    async def test_the_soft_limit_is_raised_to_the_hard_one(self) -> None:
        process = await self.limited("ulimit -S -n 50; ulimit -H -n 500")
        await process.says(r"open files 500 \(soft\) and 500 \(hard\)")

    async def test_but_not_for_a_reactor_that_uses_select(self) -> None:
        twistd = SCRIPTS.child("twistd").path
        limits = "ulimit -S -n 500; ulimit -H -n 5000"
        words = f"{limits}; exec {twistd} --reactor=select -n --pidfile= gim --ws {FREE} --http {FREE}"
        process = self.spawn("python3", "-c", SHELL, words)
        await process.says(r"open files 500 \(soft\) and 5000 \(hard\)")
