"""Starting, stopping, and refusing to start."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import tempfile
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.python.filepath import FilePath

from gim.journal.directory import open_directory
from tests.support.daemon_process import PATIENCE, DaemonTestCase, Process
from tests.support.paths import ROOT

FREE = "tcp:0:interface=127.0.0.1"
STOP_TIME = 5  # seconds that a stop without --drain may take; on a busy machine, the time of a start more


class StoppingTests(DaemonTestCase):
    async def stop(self, number: int) -> None:
        began = reactor.seconds()
        process = await self.daemon("--drain", "0", "--message-push-duration", "1m")
        bound = STOP_TIME + reactor.seconds() - began
        ann = await self.client()
        await ann.ask(101, id="ann")
        await ann.ask(301, id="den")
        for content in "ab":
            ann.say(json.dumps({"op": 201, "body": {"type": 1, "target_id": "den", "content": content}}))
        packets = [json.loads(await ann.next())["op"] for _ in range(3)]
        self.assertEqual(packets, [207, 202, 202])
        began = reactor.seconds()
        process.signal(number)
        last = json.loads(json.loads(await ann.next())["body"])
        self.assertEqual([item["content"] for item in last["items"]], ["b"])
        self.assertEqual(await ann.closed.addTimeout(PATIENCE, reactor), 3001)
        self.assertEqual(await process.exited, 0)
        self.assertLess(reactor.seconds() - began, bound)
        self.assertNotIn("Traceback", process.output[1] + process.output[2])

    async def test_sigterm_flushes_closes_with_3001_and_ends_with_0(self) -> None:
        await self.stop(signal.SIGTERM)

    async def test_sigint_does_the_same(self) -> None:
        await self.stop(signal.SIGINT)

    async def test_a_client_that_never_answers_does_not_hold_it_up(self) -> None:
        began = reactor.seconds()
        process = await self.daemon("--drain", "0")
        bound = STOP_TIME + reactor.seconds() - began
        with socket.create_connection(("127.0.0.1", self.ws)) as deaf:
            deaf.sendall(
                b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            deaf.settimeout(PATIENCE)
            self.assertIn(b"101", deaf.recv(20))
            began = reactor.seconds()
            process.signal(signal.SIGTERM)
            self.assertEqual(await process.exited, 0)
            self.assertLess(reactor.seconds() - began, bound)


class WaysToRunTests(DaemonTestCase):
    starts_afresh = True

    async def chat(self) -> None:
        """See that it works: a message posted over HTTP reaches a WebSocket client."""
        bob = await self.client()
        await bob.ask(101, id="bob")
        url = f"http://127.0.0.1:{self.http}/v1"
        login = await treq.json_content(
            await treq.post(f"{url}/login", json={"id": "ann"}, persistent=False)
        )
        headers: Any = {"Authorization": f"Bearer {login['data']['token']}"}
        await treq.post(
            f"{url}/messages",
            json={"type": 2, "target_id": "bob", "content": "hi"},
            headers=headers,
            persistent=False,
        )
        self.assertIn("hi", await bob.next())

    async def test_twistd_gim(self) -> None:
        await self.daemon()
        await self.chat()

    async def test_twist_gim(self) -> None:
        process = await self.daemon(script=("twist", "--log-format=text", "gim"))
        await self.chat()
        process.signal(signal.SIGTERM)
        self.assertEqual(await process.exited, 0)

    async def test_gim_tac(self) -> None:
        tac = ROOT.child("gim.tac").path
        process = self.spawn("twistd", "-ny", tac, GIM_OPTIONS=f"--ws {FREE} --http {FREE}")
        await self.listens(process)
        await self.chat()

    async def test_gim_tac_as_a_daemon_with_log_and_pid_file(self) -> None:
        tac = ROOT.child("gim.tac").path
        await self.run_as_daemon("-y", tac, GIM_OPTIONS=f"--ws {FREE} --http {FREE}")

    async def test_twistd_gim_as_a_daemon_with_log_and_pid_file(self) -> None:
        await self.run_as_daemon("gim", "--ws", FREE, "--http", FREE)

    async def test_as_a_daemon_with_a_data_directory_more_than_once(self) -> None:
        data = FilePath(self.mktemp())
        data.makedirs()
        words = "gim", "--ws", FREE, "--http", FREE, "--data-dir", os.path.abspath(data.path)
        for _ in range(2):
            await self.run_as_daemon(*words)

    async def run_as_daemon(self, *words: str, **environment: str) -> None:
        files = FilePath(self.mktemp())
        files.makedirs()
        log, pid_file = files.child("gim.log"), files.child("gim.pid")
        parent = self.spawn(
            "twistd", "--logfile", log.path, "--pidfile", pid_file.path, *words, **environment
        )
        self.assertEqual((await parent.exited, parent.output), (0, {1: "", 2: ""}))
        daemon = Forked(int(pid_file.getContent()))
        self.addCleanup(daemon.kill)
        reader = LogReader(log)
        await self.listens(reader)
        await self.chat()
        daemon.signal(signal.SIGTERM)
        await reader.says("Server Shut Down")
        await reader.until(lambda: not pid_file.exists())
        self.assertNotIn("Traceback", log.getContent().decode())


class Forked:
    """A daemon that is nobody's child any more, by its process id."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        try:
            self.signal(signal.SIGKILL)
        except ProcessLookupError:
            pass


class LogReader(Process):
    """Reads a log file as if it were the output of a process."""

    def __init__(self, log: FilePath[str]) -> None:
        super().__init__()
        self.log = log

    async def says(self, pattern: str):  # type: ignore[no-untyped-def, override]
        await self.until(lambda: re.search(pattern, self.log.getContent().decode()))
        return re.search(pattern, self.log.getContent().decode())

    async def until(self, condition) -> None:  # type: ignore[no-untyped-def]
        """Look again and again, as nothing tells when a file changes."""
        for _ in range(int(PATIENCE / 0.02)):
            if condition():
                return
            await deferLater(reactor, 0.02)
        raise AssertionError(f"it did not come: {self.log.getContent().decode()}")


class StaleSocketTests(DaemonTestCase):
    """A UNIX socket and its lock that a killed process has left behind."""

    def setUp(self) -> None:
        directory = FilePath(tempfile.mkdtemp())  # that of the test may be too long for a socket
        self.addCleanup(directory.remove)
        self.path = directory.child("socket").path

    async def serves(self) -> Process:
        words = "gim", "--http", FREE, "--ws", f"unix:{self.path}"
        process = self.spawn("twistd", "-n", "--pidfile=", *words)
        await process.says("gateway listens on")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path)
        return process

    async def test_a_killed_process_leaves_nothing_that_stops_the_next_one(self) -> None:
        killed = await self.serves()
        killed.signal(signal.SIGKILL)
        await killed.exited
        self.assertTrue(os.path.lexists(f"{self.path}.lock"))
        await self.serves()

    async def test_nor_if_its_process_id_was_given_away_again(self) -> None:
        """In a container, every process that is started has the id 1."""
        with socket.socket(socket.AF_UNIX) as killed:
            killed.bind(self.path)
        os.symlink(str(os.getpid()), f"{self.path}.lock")
        await self.serves()

    async def test_nor_if_only_the_lock_is_left(self) -> None:
        os.symlink(str(os.getpid()), f"{self.path}.lock")
        await self.serves()

    async def test_a_socket_in_use_is_not_taken_away_whatever_its_lock_says(self) -> None:
        await self.serves()
        lock = f"{self.path}.lock"
        os.unlink(lock)
        os.symlink(str(2**22 + 1), lock)  # an id that no process has
        second = self.spawn(
            "twistd", "-n", "--pidfile=", "gim", "--ws", f"unix:{self.path}", "--http", FREE
        )
        self.assertEqual(await second.exited, 1)
        self.assertEqual(
            second.output[2],
            f"gim: gateway: cannot listen on {self.path}: another process listens there\n",
        )


class RefusalTests(DaemonTestCase):
    async def refused(self, *words: str) -> str:
        """Start in vain; return the last line on stderr."""
        process = self.spawn(*words)
        status = await process.exited
        self.assertEqual(status, 1, process.output)
        self.assertNotIn("Traceback", process.output[1] + process.output[2])
        return process.output[2].strip().splitlines()[-1]

    async def test_a_value_that_can_not_work_ends_the_start_with_one_line(self) -> None:
        for option, text in (
            (("--message-push-duration", "0"), "--message-push-duration: '0' is not a valid duration"),
            (("--http", "ssl:0:privateKey=/nowhere"), "--api-address: 'ssl:0:privateKey=/nowhere'"),
        ):
            line = await self.refused("twistd", "-n", "gim", *option)
            self.assertTrue(line.startswith(f"gim: {text}"), line)

    async def test_a_port_that_is_taken_ends_the_start_with_one_line(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            for words in ("twistd", "-n"), ("twistd", "--logfile=x.log", "--pidfile=x.pid"), ("twist",):
                line = await self.refused(*words, "gim", "--ws", address, "--http", FREE)
                self.assertTrue(line.startswith(f"gim: gateway: cannot listen on {address}: "), line)
                self.assertFalse(self.directory.child("x.pid").exists())

    async def test_a_data_directory_that_is_in_use_too(self) -> None:
        path = os.path.abspath(self.mktemp())
        os.mkdir(path)
        self.addCleanup(open_directory(path).close)
        for words in ("twistd", "-n"), ("twistd", "--logfile=x.log", "--pidfile=x.pid"), ("twist",):
            line = await self.refused(*words, "gim", "--ws", FREE, "--http", FREE, "--data-dir", path)
            said = f"gim: --data-dir: {path} is in use by process {os.getpid()}: stop that one first"
            self.assertEqual(line, said)
            self.assertFalse(self.directory.child("x.pid").exists())

    async def test_a_socket_path_that_is_taken_too(self) -> None:
        directory = FilePath(tempfile.mkdtemp())  # that of the test may be too long for a socket
        self.addCleanup(directory.remove)
        path = directory.child("socket").path
        with socket.socket(socket.AF_UNIX) as taken:
            taken.bind(path)
            taken.listen()
            line = await self.refused(
                "twistd", "-n", "gim", "--http", FREE, "--ws", f"unix:{path}:lockfile=0"
            )
        self.assertTrue(line.startswith("gim: gateway: "), line)

    async def test_a_pid_file_that_can_not_be_written_too(self) -> None:
        line = await self.refused("twistd", "-n", "--pidfile=/no/where", "gim", "--check")
        self.assertEqual(line, "gim: --pidfile: '/no/where' can't be written: No such file or directory")

    async def test_a_misspelt_option_and_a_misspelt_variable_are_told(self) -> None:
        line = await self.refused("twistd", "-n", "gim", "--wss", "8080")
        self.assertEqual(line, "gim: option --wss not recognized: did you mean --ws?")
        said = "the variable GIM_MESAGE_TTL has no effect: did you mean GIM_MESSAGE_TTL?"
        check = self.spawn("twistd", "gim", "--check", GIM_MESAGE_TTL="7d", GIM_SERVICE_HOST="10.0.0.1")
        self.assertEqual((await check.exited, check.output[2]), (0, f"gim: {said}\n"))
        process = await self.daemon(GIM_MESAGE_TTL="7d", GIM_SERVICE_HOST="10.0.0.1")
        await process.says(rf"#warn\] {re.escape(said)}\n")
        self.assertNotIn("GIM_SERVICE_HOST", process.output[1])

    async def test_help_and_version(self) -> None:
        for script, option, said in (
            ("twistd", "--version", "gim 1.0.0\n"),
            ("twist", "--help", "--gateway-address="),
        ):
            process = self.spawn(script, "gim", option)
            self.assertEqual(await process.exited, 0)
            self.assertIn(said, process.output[1])
