"""The push writer: chatroom pushes go out in slices, so that a large one holds nobody up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gim.log.logger import Logger

SLICE = 64  # connections written to per turn of the reactor: some 0.6 ms, see docs/performance.md
CHUNK = 32  # connections written to between two looks at what a turn of the reactor allows


class Writing(Protocol):
    """Something with a push to write out."""

    def write(self) -> Iterator[int]:
        """Write to one user after the other, yielding to how many connections."""

    def written(self) -> None:
        """Hear that all is written."""


class PushWriter:
    """Writes at most *limit* pushes at a time, in the order in which they were submitted.

    All of them together write to some `SLICE` connections per turn of the reactor, the pushes under
    way taking turns; what is left of a turn's slice is used at once, so a small push is written
    before `submit` returns.
    """

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, limit: int, before_slice: Callable[[], None] = lambda: None
    ) -> None:
        """*before_slice* is called in each turn before this writes: what is urgent may go first."""
        self._clock = clock
        self._before_slice = before_slice
        self._limit = limit
        self._waiting: deque[Writing] = deque()
        self._active: deque[tuple[Writing, Iterator[int]]] = deque()
        self._budget = SLICE
        self._next_turn: IDelayedCall | None = None

    def submit(self, writing: Writing) -> None:
        """Write a push as soon as its turn comes."""
        self._waiting.append(writing)
        self._work()

    def flush(self) -> None:
        """Write out all that was submitted, now."""
        while self._waiting or self._active:
            self._budget = SLICE
            self._spend()
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        self._budget = SLICE

    def _turn(self) -> None:
        self._next_turn = None
        self._budget = SLICE
        if self._waiting or self._active:
            self._before_slice()
            self._work()

    def _work(self) -> None:
        if self._next_turn is None:
            self._next_turn = self._clock.callLater(0, self._turn)
        self._spend()

    def _spend(self) -> None:
        while self._budget > 0:
            while self._waiting and len(self._active) < self._limit:
                writing = self._waiting.popleft()
                self._active.append((writing, writing.write()))
            if not self._active:
                return
            self._write(*self._active.popleft())

    def _write(self, writing: Writing, writes: Iterator[int]) -> None:
        """Write one push until it ends or the turn's slice is used up."""
        try:
            for connections in writes:
                self._budget -= connections
                if self._budget <= 0:
                    self._active.append((writing, writes))
                    return
        except Exception:
            self._log.failure("writing a chatroom push failed")
        writing.written()
