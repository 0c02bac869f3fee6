"""Draining: connections are closed one after the other, so that other nodes are not stormed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import sample
from typing import Generic, TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from gim.log.logger import Logger

T = TypeVar("T")

TICK = 0.05  # seconds between two looks at who is due
SHORTEST_PAUSE = 0.5  # seconds that any client is asked to wait: it may find this server still stopping
LEAST_SPREAD = 5.0  # seconds over which the pauses spread at least, also when all are closed at once


class Draining(Generic[T]):
    """Closes connections evenly over a time, and gives each a pause of its own until it reconnects.

    They go in random order. Of n, the k-th is closed after k/n of the duration, and its pause has grown
    by k/n of the spread as well: so the n reconnect evenly over the sum of both, and no two pauses are
    the same. With a duration of 0 all are closed before `start` returns.
    """

    _log = Logger()

    def __init__(
        self,
        connections: Iterable[T],
        duration: float,
        close: Callable[[T, float], None],
        clock: IReactorTime,
    ) -> None:
        """*duration* is in seconds; *close* is called with a connection and its pause in seconds."""
        everybody = tuple(connections)
        self._order = sample(everybody, len(everybody))
        self._duration = duration
        self._spread = max(duration, LEAST_SPREAD)
        self._close = close
        self._clock = clock
        self._closed = 0
        self._began = 0.0
        self._loop = LoopingCall(self._tick)
        self._loop.clock = clock

    def start(self) -> None:
        """Begin: the first is closed at once."""
        self._began = self._clock.seconds()
        if self._order:
            self._loop.start(TICK)

    def finish(self) -> None:
        """Close at once all that are left."""
        if self._loop.running:
            self._loop.stop()
        self._close_up_to(len(self._order))

    def _tick(self) -> None:
        passed = self._clock.seconds() - self._began
        count = len(self._order)
        if passed >= self._duration:
            self.finish()
        else:  # those whose moment has come, the first one's being 0
            self._close_up_to(int(count * passed / self._duration) + 1)

    def _close_up_to(self, end: int) -> None:
        count = len(self._order)
        while self._closed < min(end, count):
            connection, share = self._order[self._closed], self._closed / count
            self._closed += 1
            try:
                self._close(connection, SHORTEST_PAUSE + share * self._spread)
            except Exception:  # one that fails is not to keep the others
                self._log.failure("a connection could not be closed")
