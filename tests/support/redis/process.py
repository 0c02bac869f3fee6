"""A child process that can be killed, frozen, and started again."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from shutil import which
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath

from tests.support.redis.environment import PATIENCE

# the kernel ends a child with the tests that started it, even when those get killed
LEASH = ("setpriv", "--pdeathsig", "KILL", "--") if which("setpriv") else ()


class Child(ProcessProtocol):
    """One run of a process."""

    transport: Any

    def __init__(self) -> None:
        self.exited: Deferred[None] = Deferred()

    def processEnded(self, reason: Failure) -> None:
        self.exited.callback(None)


class Process:
    """A process in *directory*, which it gets for its own; its output goes to the file ``log`` there."""

    def __init__(self, directory: FilePath[str]) -> None:
        self.directory = directory
        self.frozen = False
        self._child: Any = None  # a `Child` from the first start on
        directory.makedirs(ignoreExistingDirectory=True)

    def spawn(self, words: tuple[str, ...], environment: Mapping[str, str]) -> None:
        """Start it, which must not run: *words* are the name of the program and its arguments."""
        assert not self.running, "it runs already"
        self._child, self.frozen = Child(), False
        words, environment = (*LEASH, *words), os.environ | environment
        program = which(words[0]) or words[0]
        # no pipes: children of its own, as Redis has to save, would keep them open beyond its end
        with open(os.devnull) as nothing, self.directory.child("log").open("a") as log:
            files = {0: nothing.fileno(), 1: log.fileno(), 2: log.fileno()}
            reactor.spawnProcess(
                self._child, program, words, environment, self.directory.path, childFDs=files
            )

    @property
    def running(self) -> bool:
        """Whether the process exists, frozen or not."""
        return self._child is not None and not self._child.exited.called

    @property
    def well(self) -> bool:
        """Whether it runs and is not frozen."""
        return self.running and not self.frozen

    def log(self) -> str:
        """Return what it has said since its first start."""
        return self.directory.child("log").getContent().decode(errors="replace")

    async def ended(self) -> None:
        """Wait for the end of the process, at most `PATIENCE` seconds."""
        if self.running:
            ended: Deferred[None] = Deferred()
            self._child.exited.chainDeferred(ended)
            await ended.addTimeout(PATIENCE, reactor)

    def kill(self) -> None:
        """SIGKILL, if it runs; its ports refuse connections once it has `ended`."""
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP; return when it has stopped. The kernel still takes connections and bytes for it."""
        self.frozen = True
        self._signal(signal.SIGSTOP)
        if self.running:
            os.waitid(os.P_PID, self._child.transport.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        """SIGCONT: it goes on, and works off what has arrived meanwhile."""
        self.frozen = False
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        try:
            if self._child is not None:
                self._child.transport.signalProcess(number)
        except ProcessExitedAlready:
            pass
