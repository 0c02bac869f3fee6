"""The commands of ``gim`` that connect to the gateway, each a process, against a real daemon."""

from __future__ import annotations

import json
import os
import signal
import socket

from twisted.python.filepath import FilePath

from tests.support.daemon_process import DaemonTestCase, Process
from tests.support.redis.environment import write_certificate

KEY = "0123456789abcdefghij"
FREE = "tcp:0:interface=127.0.0.1"


class ConnectedCase(DaemonTestCase):
    maxDiff = None

    def start(self, *words: str, **environment: str) -> Process:
        """Start a command that knows the daemon."""
        known = {
            "GIM_WS_URL": f"ws://127.0.0.1:{self.ws}",
            "GIM_URL": f"http://127.0.0.1:{self.http}",
            "GIM_ADMIN_KEY": KEY,
        }
        return self.spawn("gim", *words, **known | environment)

    def start_with_pipes(self, *words: str) -> Process:
        """Start a command whose streams can be written to and closed."""
        self.starts_afresh = True
        try:
            return self.start(*words)
        finally:
            self.starts_afresh = False

    async def ended(self, process: Process, status: int = 0) -> str:
        """Return all that a command prints."""
        self.assertEqual((await process.exited, process.output[2]), (status, ""))
        return process.output[1]

    async def said(self, *words: str) -> str:
        return await self.ended(self.start(*words))

    async def listening(self, *words: str) -> Process:
        """Start to listen as bob in the chatroom "den"; return when he is a member."""
        process = self.start_with_pipes(
            "listen", "--as", "bob", "--room", "den", "--format", "{content}", *words
        )
        while '"bob"' not in (members := await self.said("members", "den", "--as", "ann", "--json")):
            self.assertIn("ann", members)
        return process


class ListenTests(ConnectedCase):
    async def setting(self) -> None:
        await self.daemon(GIM_ADMIN_KEY=KEY)
        await self.said("room", "create", "den", "--owner", "ann", "-q")

    async def test_lines_that_are_sent_are_heard_in_order(self) -> None:
        await self.setting()
        bob = await self.listening("--count", "3")
        ann = self.start_with_pipes("send", "den", "-", "--room", "--lines", "--as", "ann")
        ann.transport.write(b"one\ntwo\n")
        await ann.says(r"(?s)\w{32}\n\w{32}\n")
        ann.transport.write(b"three\x1b")
        ann.transport.closeStdin()
        self.assertEqual(len((await self.ended(ann)).splitlines()), 3)
        self.assertEqual(await self.ended(bob), "one\ntwo\nthree\\x1b\n")
        members = await self.said("members", "den", "--as", "ann", "--json")
        self.assertEqual([json.loads(line)["id"] for line in members.splitlines()], ["ann"])

    async def test_it_comes_back_to_a_server_that_starts_anew(self) -> None:
        daemon = await self.daemon()
        bob = self.start("listen", "--as", "bob", "--json", "--events", "--count", "1")
        await bob.says("reset")
        daemon.signal(signal.SIGKILL)
        await daemon.exited
        await bob.says('"waiting"')
        address = f"tcp:{self.ws}:interface=127.0.0.1"
        await self.listens(self.spawn("twistd", "-n", "gim", "--ws", address, "--http", FREE))
        await bob.says('"epoch"')
        await self.said("send", "bob", "hi", "--as", "ann")
        self.assertEqual(await bob.exited, 0)
        self.assertEqual(json.loads(bob.output[1].splitlines()[-1])["content"], "hi")
        self.assertRegex(
            bob.output[2], r"^disconnected \(1006\): next try in \d\.\d s\n(?s:.*)connected again"
        )

    async def test_time_may_end_it(self) -> None:
        await self.setting()
        self.assertEqual(await self.said("listen", "--as", "bob", "--for", "1ms"), "")
        words = "listen", "--as", "bob", "--for", "1ms", "--count", "1"
        await self.ended(self.start(*words), 4)

    async def test_an_interrupt_ends_it_and_leaves_the_chatroom(self) -> None:
        await self.setting()
        for number in (signal.SIGINT, signal.SIGTERM):
            bob = await self.listening()
            bob.signal(number)
            await self.ended(bob, 130)
            self.assertNotIn("bob", await self.said("members", "den", "--as", "ann"))

    async def test_it_ends_when_its_output_is_not_read_any_more(self) -> None:
        await self.setting()
        bob = await self.listening()
        bob.transport.closeStdout()
        await self.ended(bob, 141)

    async def test_a_user_who_is_kicked_is_told_why(self) -> None:
        await self.setting()
        bob = await self.listening()
        await self.said("kick", "bob", "-q")
        self.assertEqual(await bob.exited, 1)
        self.assertRegex(bob.output[2], "(?m)^gim: 3503, ")


class ConnectionTests(ConnectedCase):
    async def test_what_can_not_be_reached_is_a_3_and_what_does_not_answer_a_4(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            self.ws = self.http = silent.getsockname()[1]
            process = self.start("listen", "--as", "bob", "--timeout", "50ms")
            self.assertEqual(await process.exited, 4)
        process = self.start("listen", "--as", "bob")
        self.assertEqual(await process.exited, 3)
        self.assertRegex(
            process.output[2], r"^gim: ws://127.0.0.1:\d+ can't be reached: Connection refused\n$"
        )

    async def test_a_login_that_is_refused_is_a_1(self) -> None:
        await self.daemon(GIM_AUTH_KEY=KEY * 2)
        process = self.start("listen", "--as", "bob")
        self.assertEqual(await process.exited, 1)
        self.assertRegex(process.output[2], "^gim: 401, token: ")

    async def test_the_api_is_not_a_gateway(self) -> None:
        await self.daemon()
        process = self.start("listen", "--as", "bob", "--ws", f"ws://127.0.0.1:{self.http}/nothing")
        self.assertEqual(await process.exited, 3)
        self.assertRegex(process.output[2], "^gim: .* refuses with status 404: is it the gateway of gim")

    async def test_a_certificate_is_checked_against_the_authorities_that_are_trusted(self) -> None:
        files = FilePath(os.path.abspath(self.mktemp()))
        files.makedirs()
        write_certificate(files)
        key, certificate = files.child("key.pem").path, files.child("ca.pem").path
        tls = f"ssl:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}"
        await self.listens(self.spawn("gim", "serve", "--ws", tls, "--http", FREE))
        words = "listen", "--as", "bob", "--for", "1ms", "--ws", f"wss://127.0.0.1:{self.ws}"
        process = self.start(*words)
        self.assertEqual(await process.exited, 3)
        self.assertIn("certificate", process.output[2])
        await self.ended(self.start(*words, SSL_CERT_FILE=certificate))
