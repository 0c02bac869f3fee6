"""Draining: closes connections one after the other, so that the other nodes are not stormed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import sample
from typing import Generic, TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from gim.log.logger import Logger

T = TypeVar("T")

CLOSE_INTERVAL = 0.05  # seconds between two rounds of closing
MIN_DELAY = 0.5  # seconds until any client reconnects: before that this server may still be stopping
MIN_SPREAD = 5.0  # seconds over which the delays spread, also if all are closed at once


class Draining(Generic[T]):
    """Closes connections evenly over a time, and gives each its own delay until it reconnects.

    The order is random. Of n connections the k-th is closed after k/n of the duration, and k/n of the
    spread is added to its delay. So the n clients reconnect evenly over the sum of both, and no two
    delays are equal. With a duration of 0 `start` closes all before it returns.
    """

    _log = Logger()

    def __init__(
        self,
        connections: Iterable[T],
        duration: float,
        close: Callable[[T, float], None],
        clock: IReactorTime,
    ) -> None:
        """*duration* is in seconds; *close* is called with a connection and its delay in seconds."""
        all_connections = tuple(connections)
        self._order = sample(all_connections, len(all_connections))
        self._duration = duration
        self._spread = max(duration, MIN_SPREAD)
        self._close = close
        self._clock = clock
        self._closed = 0
        self._started_at = 0.0
        self._loop = LoopingCall(self._tick)
        self._loop.clock = clock

    def start(self) -> None:
        """Begin. The first connection is closed at once."""
        self._started_at = self._clock.seconds()
        if self._order:
            self._loop.start(CLOSE_INTERVAL)

    def finish(self) -> None:
        """Close the rest at once."""
        if self._loop.running:
            self._loop.stop()
        self._close_up_to(len(self._order))

    def _tick(self) -> None:
        passed = self._clock.seconds() - self._started_at
        count = len(self._order)
        if passed >= self._duration:
            self.finish()
        else:  # the first one is due at 0
            self._close_up_to(int(count * passed / self._duration) + 1)

    def _close_up_to(self, end: int) -> None:
        count = len(self._order)
        while self._closed < min(end, count):
            connection, share = self._order[self._closed], self._closed / count
            self._closed += 1
            try:
                self._close(connection, MIN_DELAY + share * self._spread)
            except Exception:  # which must not stop the others
                self._log.failure("a connection could not be closed")
