"""Draining: closes connections one after the other, so that the other nodes are not stormed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
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
    delays are equal. With a duration of 0 `start` closes all before it returns. When several processes
    drain together, each has its *shares* of the whole in place of k/n: see `shares_of`.
    """

    _log = Logger()

    def __init__(
        self,
        connections: Iterable[T],
        duration: float,
        close: Callable[[T, float], None],
        clock: IReactorTime,
        shares: Sequence[float] = (),
    ) -> None:
        """*duration* is in seconds; *close* is called with a connection and its delay in seconds.
        *shares* rise from 0 to less than 1. If they are more or fewer than the connections, these use
        them evenly."""
        all_connections = tuple(connections)
        count = len(all_connections)
        self._order = sample(all_connections, count)
        self._shares = [
            shares[place * len(shares) // count] if shares else place / count for place in range(count)
        ]
        self._duration = duration
        self._spread = max(duration, MIN_SPREAD)
        self._close = close
        self._clock = clock
        self._closed = 0
        self._started_at = 0.0
        self._loop = LoopingCall(self._tick)
        self._loop.clock = clock

    def start(self) -> None:
        """Begin. A connection whose share is 0 is closed at once."""
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
        if passed >= self._duration:
            self.finish()
        else:
            self._close_up_to(bisect_right(self._shares, passed / self._duration))

    def _close_up_to(self, end: int) -> None:
        while self._closed < end:
            connection, share = self._order[self._closed], self._shares[self._closed]
            self._closed += 1
            try:
                self._close(connection, MIN_DELAY + share * self._spread)
            except Exception:  # which must not stop the others
                self._log.failure("a connection could not be closed")


def shares_of(counts: Sequence[int], place: int) -> list[float]:
    """Return the shares of one of several processes that drain together, one for each connection.

    *counts* are the connections of all processes, *place* is the index of this one. The shares of all
    processes are 0, 1/n, 2/n and so on for their n connections together, and each process has some
    all along: the j-th of its m connections stands where (j + 1/2)/m does among those of all others.
    """
    mine, total = counts[place], sum(counts)
    shares = []
    for j in range(mine):
        rank = j
        for index, other in enumerate(counts):
            # the i with (i + 1/2)/other < (j + 1/2)/mine, or equal to it in a process before this one
            above, below = (2 * j + 1) * other - mine, 2 * mine
            if index < place:
                rank += above // below + 1
            elif index > place:
                rank += -(-above // below)
        shares.append(rank / total)
    return shares
