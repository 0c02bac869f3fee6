"""``gim doctor``: what is found on this machine and of the server."""

from __future__ import annotations

import builtins
import io
import json
import resource
import shutil
import socket
from types import SimpleNamespace
from typing import Any

from gim import __version__
from gim.cli import diagnosis
from gim.cli.diagnosis import BAD, GOOD, WARNING, Finding
from gim.concurrency.clocks import WallClock
from gim.config.table import OPTIONS
from gim.daemon.banner import EXPECTED_CONNECTIONS
from gim.net.endpoints import BACKLOG
from gim.net.open_files import RESERVED_FILES
from tests.support.command import CommandTestCase, response

DATE = "Fri, 15 Jan 2027 08:00:00 GMT"
NOW_MS = 1_800_000_000_000


class BoundSocket:
    """A socket that can't be bound, or can."""

    def __init__(self, error: OSError | None) -> None:
        self.error = error

    def __enter__(self) -> BoundSocket:
        return self

    def __exit__(self, *args: object) -> None:
        """Nothing is open."""

    def setsockopt(self, *args: int) -> None:
        """Take the option without effect."""

    def bind(self, address: tuple[str, int]) -> None:
        if self.error is not None:
            raise self.error


class MachineTests(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.files = {
            "/proc/sys/net/core/somaxconn": "4096\n",
            "/proc/meminfo": "MemAvailable: 1048576 kB\n",
        }
        self.limit = resource.RLIM_INFINITY
        self.free = 2**40
        self.error: OSError | None = None
        self.patch(builtins, "open", self.opened)
        self.patch(resource, "getrlimit", lambda which: (1024, self.limit))
        self.patch(shutil, "disk_usage", lambda path: SimpleNamespace(free=self.free))
        self.patch(socket, "socket", lambda: BoundSocket(self.error))

    def opened(self, path: str) -> io.StringIO:
        if path not in self.files:
            raise FileNotFoundError(path)
        return io.StringIO(self.files[path])

    def verdicts(self) -> list[str]:
        return [finding.verdict for finding in diagnosis.of_machine()]

    def test_its_numbers_are_those_of_the_server(self) -> None:
        self.assertEqual(diagnosis.MIN_OPEN_FILES, EXPECTED_CONNECTIONS + RESERVED_FILES)
        self.assertEqual(diagnosis.MIN_BACKLOG, BACKLOG)
        defaults = [OPTIONS[f"{name}-address"].default for name in diagnosis.PORTS]
        self.assertEqual(defaults, [f":{port}" for port in diagnosis.PORTS.values()])

    def test_a_machine_may_be_fit(self) -> None:
        self.assertEqual(self.verdicts(), [GOOD] * 6)

    def test_what_is_scarce_is_a_warning(self) -> None:
        self.limit = 1024
        self.free = 2**20
        self.files = {"/proc/sys/net/core/somaxconn": "128\n", "/proc/meminfo": "MemAvailable: 1024 kB\n"}
        self.error = PermissionError(13, "Permission denied")
        self.assertEqual(self.verdicts(), [WARNING] * 6)
        (files, queue, *_) = diagnosis.of_machine()
        self.assertIn("some 924 connections", files.text)
        self.assertIn("raise it to 4096", queue.text)

    def test_what_can_not_be_read_is_a_warning(self) -> None:
        self.files = {}
        self.limit = 20_000
        self.assertEqual(self.verdicts(), [GOOD, WARNING, WARNING, GOOD, GOOD, GOOD])

    def test_a_port_in_use_may_be_gims(self) -> None:
        self.error = OSError(98, "Address already in use")
        self.assertIn("in use", list(diagnosis.of_machine())[-1].text)


class ServerTests(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.now_ms = NOW_MS
        self.patch(diagnosis, "of_machine", lambda: [Finding("memory", GOOD, "much")])
        self.patch(WallClock, "now_ms", lambda clock: self.now_ms)
        self.version = __version__
        self.readiness: dict[str, Any] = {"code": 0, "msg": "", "data": {}}
        self.fault: Exception | None = None
        self.date = DATE

    def open_socket(self, address: tuple[str, int], timeout: float, source: Any = None) -> Any:
        if self.fault is not None:
            raise self.fault
        return super().open_socket(address, timeout, source)

    def answer(self, request: bytes) -> bytes:
        if b"GET /openapi.json" in request:
            return response(json.dumps({"info": {"title": "gim", "version": self.version}, "paths": {}}))
        if b"GET /readyz" in request:
            return response(json.dumps(self.readiness), self.readiness["code"] or 200)
        return response('{"code":0,"msg":"","data":{}}', Date=self.date)

    def findings(self, status: int = 0) -> dict[str, tuple[str, str]]:
        run = self.gim("doctor", "--json")
        self.assertEqual((run.status, run.err), (status, ""))
        rows = map(json.loads, run.out.splitlines())
        return {row["subject"]: (row["verdict"], row["text"]) for row in rows}

    def test_all_may_be_well(self) -> None:
        self.assertEqual({verdict for verdict, _ in self.findings().values()}, {GOOD})
        self.assertIn("good    memory: much\n", self.said("doctor"))

    def test_verdicts_have_colours_on_a_terminal(self) -> None:
        self.environment["TERM"] = "xterm"
        self.assertIn("\x1b[32mgood   \x1b[0m memory", self.gim("doctor", tty=True).out)

    def test_a_server_that_can_not_be_reached_is_bad(self) -> None:
        self.fault = ConnectionRefusedError(111, "Connection refused")
        found = self.findings(status=1)
        self.assertEqual(list(found), ["memory", "server"])
        self.assertEqual(found["server"][0], BAD)

    def test_a_server_that_is_not_ready_is_bad_and_its_warnings_are_told(self) -> None:
        self.readiness = {"code": 503, "msg": "it is stopping", "data": {"reason": "draining"}}
        self.assertEqual(self.findings(status=1)["readiness"], (BAD, "it is stopping"))
        self.readiness = {"code": 0, "msg": "", "data": {"warnings": ["maxmemory-policy"]}}
        self.assertEqual(self.findings()["readiness"], (WARNING, "maxmemory-policy"))

    def test_another_version_or_time_is_a_warning(self) -> None:
        self.version = "0.1.0"
        self.now_ms += 5000
        found = self.findings()
        self.assertEqual((found["server"][0], found["clock"][0]), (WARNING, WARNING))
        self.assertIn("5 s ahead of", found["clock"][1])
        self.now_ms -= 9000
        self.assertIn("4 s behind", self.findings()["clock"][1])
        self.date = "yesterday"
        self.assertIn("does not say", self.findings()["clock"][1])
