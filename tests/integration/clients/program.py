"""A running program of ``programs``, seen from the outside."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from shutil import which
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from tests.integration.clients.account import Report
from tests.integration.clients.programs.job import ClientJob, write_job
from tests.support.browser import CHROMIUM_MISSING
from tests.support.node import NODE_MISSING, WS, npm_packages
from tests.support.paths import ROOT

CLOSE_LIMIT = 20.0  # seconds until a program that was told to close has ended
_HERE = "tests.integration.clients.programs"
LIBRARIES = ("asyncio", "twisted", "node", "browser")
# why the program of a library can't run on this machine, if it can't
MISSING = {"node": NODE_MISSING, "browser": CHROMIUM_MISSING}


def words_of(library: str) -> tuple[str, ...]:
    """Return the words that start the program of a library, some of ``LIBRARIES``."""
    if library == "node":
        script = ROOT.descendant([*_HERE.split("."), "node_program.js"])
        return "node", script.path, str(npm_packages(WS) / "ws" / "wrapper.mjs")
    return sys.executable, "-m", f"{_HERE}.{library}_program"


class Program(ProcessProtocol):
    """Starts the program of a library with a job, and hands on its reports."""

    transport: Any

    def __init__(self, library: str, jobs: list[ClientJob], take: Callable[[Report], None]) -> None:
        self._take = take
        self._job = write_job(jobs)
        self._rest = b""
        self.errors = ""  # what it wrote to its standard error
        self.exited: Deferred[int | None] = Deferred()  # its status, None for a signal
        words = words_of(library)
        program = which(words[0]) or words[0]
        reactor.spawnProcess(self, program, words, os.environ, ROOT.path)

    def connectionMade(self) -> None:
        self._say(self._job)

    def do(self, what: str) -> None:
        """Give a command: ``send``, ``stop``, ``wake`` or ``close``."""
        self._say(json.dumps({"do": what}))

    def _say(self, line: str) -> None:
        self.transport.write(line.encode() + b"\n")

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def errReceived(self, data: bytes) -> None:
        self.errors += data.decode(errors="replace")

    def processEnded(self, reason: Failure) -> None:
        ended: Any = reason.value
        self.exited.callback(getattr(ended, "exitCode", None))

    async def close(self) -> int | None:
        """Close its clients; return its status."""
        self.do("close")
        return await self.exited.addTimeout(CLOSE_LIMIT, reactor)

    def kill(self) -> None:
        """End it at once, if it runs."""
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            pass
