"""SIGHUP: what a running daemon reads again, and that it goes on."""

from __future__ import annotations

import os
import signal
import socket
import ssl

import treq
from twisted.internet.threads import deferToThread
from twisted.python.filepath import FilePath
from twisted.web.http_headers import Headers

from tests.integration.daemon.test_running import FREE, Forked, LogReader
from tests.support.daemon_process import PATIENCE, DaemonTestCase
from tests.support.redis.environment import write_certificate

# twistd that gets a SIGHUP as it begins to import most of gim
HANGS_UP_EARLY = """
import os, signal, sys
from twisted.scripts.twistd import run

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "gim.daemon.build":
            os.kill(os.getpid(), signal.SIGHUP)

sys.meta_path.insert(0, Finder())
run()
"""


class ReloadingTests(DaemonTestCase):
    def setUp(self) -> None:
        self.files = FilePath(self.mktemp())
        self.files.makedirs()

    def file(self, name: str, text: str) -> str:
        """Write a file that only its owner may read; return its path."""
        file = self.files.child(name)
        file.setContent(text.encode())
        file.chmod(0o600)
        return os.path.abspath(file.path)

    async def test_in_open_mode_nothing_ends(self) -> None:
        process = await self.daemon()
        ann = await self.client()
        await ann.ask(101, id="ann")
        for _ in range(3):
            process.signal(signal.SIGHUP)
        await process.says("#info] SIGHUP: no option names a file that could be read again\n")
        await ann.ask(105)
        process.signal(signal.SIGTERM)
        process.signal(signal.SIGHUP)
        self.assertEqual(await process.exited, 0)

    async def test_a_signal_during_the_start_does_not_end_it(self) -> None:
        with socket.socket() as silent:  # the start waits for this Redis
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
            words = "--storage", "redis", "--redis-url", url, "--ws", FREE, "--http", FREE
            process = self.spawn("twistd", "-n", "--pidfile=", "gim", *words)
            connection, _ = await deferToThread(silent.accept)
            with connection:
                process.signal(signal.SIGHUP)
                self.assertEqual(await process.exited, 1)
            self.assertIn("--redis-url: ", process.output[2])

    async def test_nor_does_one_before_gim_is_imported(self) -> None:
        words = "-n", "--pidfile=", "gim", "--ws", FREE, "--http", FREE
        process = self.spawn("python3", "-c", HANGS_UP_EARLY, *words)
        await self.listens(process)
        await (await self.client()).ask(101, id="ann")

    async def test_the_keys_of_logins_administrator_and_webhooks_are_read_again(self) -> None:
        paths = {
            "--auth-key-file": self.file("auth", "0123456789" * 4),
            "--admin-key-file": self.file("admin", "the-first-admin-key"),
            "--webhook-secret-file": self.file("webhook", "abcdefghij" * 4),
        }
        options = [word for pair in paths.items() for word in pair]
        process = await self.daemon(*options, "--webhook-url", "http://127.0.0.1:9/")
        self.assertEqual(await self.statistics("the-first-admin-key"), 200)
        self.file("admin", "the-second-admin-key")
        process.signal(signal.SIGHUP)
        await process.says(
            "SIGHUP: --auth-key-file: read again, without kid; --admin-key-file: read again;"
            " --webhook-secret-file: read again\n"
        )
        self.assertEqual(await self.statistics("the-second-admin-key"), 200)
        self.assertEqual(await self.statistics("the-first-admin-key"), 401)
        self.file("admin", "short")
        process.signal(signal.SIGHUP)
        await process.says(
            "#error] SIGHUP: --admin-key-file: .* is not a valid key.*; what was read before stays in use"
        )
        self.assertEqual(await self.statistics("the-second-admin-key"), 200)

    async def statistics(self, key: str) -> int:
        url = f"http://127.0.0.1:{self.http}/v1/admin/statistics"
        response = await treq.get(url, headers=Headers({"X-API-Key": [key]}), persistent=False)
        return int(response.code)

    async def test_a_renewed_certificate_is_used_from_then_on(self) -> None:
        write_certificate(self.files)
        first = await self.start_with_tls()
        self.assertEqual(await self.certificate(), first)
        write_certificate(self.files)
        second = self.files.child("ca.pem").getContent()
        self.assertNotEqual(second, first)
        self.process.signal(signal.SIGHUP)
        await self.process.says(
            r"SIGHUP: --gateway-address: read again, certificate valid until \d{4}-\d\d-\d\d;"
            r" --api-address: read again, certificate valid until \d{4}-\d\d-\d\d\n"
        )
        self.assertEqual(await self.certificate(), second)

    async def test_a_certificate_that_does_not_fit_its_key_is_not_used(self) -> None:
        write_certificate(self.files)
        first = await self.start_with_tls()
        other = self.files.child("other")
        other.makedirs()
        write_certificate(other)
        self.files.child("key.pem").setContent(other.child("key.pem").getContent())
        self.process.signal(signal.SIGHUP)
        await self.process.says("#error] SIGHUP: --gateway-address: the certificate can't be used: ")
        self.assertEqual(await self.certificate(), first)

    async def start_with_tls(self) -> bytes:
        """Start with TLS on both ports, one of them behind the PROXY protocol; return the certificate."""
        key, certificate = self.files.child("key.pem").path, self.files.child("ca.pem").path
        tls = f"ssl:0:interface=127.0.0.1:privateKey={os.path.abspath(key)}:certKey=" + os.path.abspath(
            certificate
        )
        words = "--ws", tls, "--http", f"haproxy:{tls}"
        self.process = self.spawn("twistd", "-n", "--pidfile=", "gim", *words)
        await self.listens(self.process)
        return self.files.child("ca.pem").getContent()

    async def certificate(self) -> bytes:
        """Return the certificate that a new client is shown."""
        address = "127.0.0.1", self.ws
        shown = await deferToThread(ssl.get_server_certificate, address, timeout=PATIENCE)
        return shown.encode()

    async def test_a_log_file_that_was_moved_away_is_opened_again_in_another_directory_too(self) -> None:
        pid_file = self.files.child("gim.pid")
        words = "--logfile=gim.log", "--pidfile", os.path.abspath(pid_file.path), "--rundir=/"
        parent = self.spawn("twistd", *words, "gim", "--ws", FREE, "--http", FREE)
        log = self.directory.child("gim.log")
        self.assertEqual((await parent.exited, parent.output), (0, {1: "", 2: ""}))
        daemon = Forked(int(pid_file.getContent()))
        self.addCleanup(daemon.kill)
        await self.listens(LogReader(log))
        os.rename(log.path, log.path + ".moved")
        daemon.signal(signal.SIGHUP)
        reader = LogReader(log)
        await reader.until(log.exists)
        await reader.says("SIGHUP: --logfile: opened again\n")
        daemon.signal(signal.SIGTERM)
        await reader.says("Server Shut Down")
