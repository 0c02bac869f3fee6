"""A worker as its parent sees it: a process, the link to it, and the pair that hands sockets over."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from gim.link.channel import Channel
from gim.link.flushes import Flushes
from gim.link.transport import connect
from gim.log.logger import Logger
from gim.workers.hand_over import make_pair
from gim.workers.printed import PrintedLines

LINK, HAND_OVER = 3, 4  # the descriptors of the child
EXIT_TIME = 1.0  # seconds from the end of the link, which often comes first, to the end of the process


class Worker(ProcessProtocol):
    """One process; the one that is started after it has the same number and is another `Worker`.

    ``number`` counts from 1. ``channel`` is the link. ``hand_over`` is the parent's end of a pair of
    type SOCK_SEQPACKET; ``their_hand_over`` is a duplicate of the worker's end, to read what a worker
    that has ended did not. Both are closed after it is gone. ``has_joined`` says that its services run,
    ``is_ready`` that its storage serves as well, ``is_leaving`` that it is to stop, ``has_ended_well``
    that it ended with exit status 0.
    """

    _log = Logger()
    transport: Any

    def __init__(
        self,
        number: int,
        kinds: Sequence[type[Struct]],
        reactor: Any,
        ended: Callable[[Worker], None],
        flushes: Flushes,
    ) -> None:
        """*kinds* are all messages that a worker may send. *ended* is called once, when the process has
        ended and all that it has sent is read. *flushes* are those of all workers."""
        self.number = number
        self.channel = Channel(kinds, reactor, on_end=self._link_ended, flushes=flushes)
        self.hand_over, self.their_hand_over = make_pair()
        self.pid = 0
        self.spawned_at = self.ready_at = 0.0  # by the reactor's clock
        self.has_joined = self.is_ready = self.is_leaving = False
        self.has_ended_well = False
        self.unanswered = 0  # pings
        self._reactor = reactor
        self._ended = ended
        self._printed = PrintedLines(self._print)
        self._how: str | None = None  # it ended; None while it runs
        self._why = ""  # it was killed
        self._exiting: IDelayedCall | None = None
        self._is_gone = False

    def spawn(self, words: Sequence[str], environment: Mapping[str, str], start: bytes) -> None:
        """Run a program. *start* is what it reads from its standard input, to the end. Raises OSError."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            files = {0: "w", 1: "r", 2: "r", LINK: theirs.fileno()}
            files[HAND_OVER] = self.their_hand_over.fileno()
            self.spawned_at = self._reactor.seconds()
            self._reactor.spawnProcess(self, words[0], words, environment, childFDs=files)
            connect(ours.dup(), self.channel, self._reactor)
        self.pid = self.transport.pid
        self.transport.write(start)
        self.transport.closeStdin()

    def kill(self, why: str) -> None:
        """End the process at once. *why* is the end of a sentence of the log: "as …"."""
        self._why = self._why or why
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess(signal.SIGKILL)

    @property
    def end(self) -> str:
        """How it ended, for people."""
        why = f", as {self._why}" if self._why else ""
        return f"{self} {self._how}{why}"

    def close(self) -> None:
        """Close the pair that hands sockets over."""
        self.hand_over.close()
        self.their_hand_over.close()

    def __str__(self) -> str:
        return f"worker {self.number} (pid {self.pid})"

    # what the reactor and the link call

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self._printed.receive(childFD, data)

    def processEnded(self, reason: Failure) -> None:
        self._printed.end()
        if self._exiting is not None and self._exiting.active():
            self._exiting.cancel()
        self.has_ended_well = reason.check(ProcessDone) is not None
        self._how = _how(reason.value)
        self._check_end()

    def _link_ended(self, why: str) -> None:
        if self.channel.transport.connected:  # this side has ended it
            self.kill(f"the link to it is of no use: {why}")
        elif self._how is None and not self.is_leaving:
            why = f"it has closed the link: {why}"
            self._exiting = self._reactor.callLater(EXIT_TIME, self.kill, why)
        self._check_end()

    def _check_end(self) -> None:
        """Report the end when both have ended: the process, and the link with all that it held."""
        if self._how is not None and self.channel.has_ended and not self._is_gone:
            self._is_gone = True
            self._ended(self)

    def _print(self, line: str) -> None:
        self._log.error("{worker} printed: {line}", worker=self, line=line)


def _how(end: Any) -> str:
    """Say how a process ended, by the exception of Twisted."""
    if end.signal is not None:
        names = {each.value: each.name for each in signal.Signals}
        return f"was killed by {names.get(end.signal, f'signal {end.signal}')}"
    return f"ended with exit status {end.exitCode}"
