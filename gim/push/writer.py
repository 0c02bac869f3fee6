"""The push writer: large pushes go out in slices, so that they do not delay others.

A turn of the reactor between two slices costs some 20 us, and is for nothing if nothing waits for it. So
the writer asks, which costs 2 us, and goes on with the next slice until something does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gim.log.logger import Logger

PER_TURN = 64  # connections written to per iteration of the reactor: some 0.6 ms, see docs/performance.md
PER_CHUNK = 32  # connections written to before the turn's budget is checked again


class Writing(Protocol):
    """A push or an event to write to many connections."""

    def write(self, chunk_size: int) -> Iterator[int]:
        """Write to the recipients in chunks; after each, yield how many connections it covered."""

    def written(self) -> None:
        """Called when all is written."""


class Batch(Protocol):
    """The frames that wait for the end of the iteration of the reactor."""

    @property
    def is_empty(self) -> bool:
        """Whether no frames wait."""

    def flush(self) -> None:
        """Write them now."""


class NoBatch:
    """No frame ever waits."""

    is_empty = True

    def flush(self) -> None:
        """See `Batch`."""


class PushWriter:
    """Writes at most *limit* pushes at a time, in the order in which they were submitted.

    Together they write to some `PER_TURN` connections per iteration of the reactor, and to as many again
    while it is idle; the pushes under way take turns. What is left of an iteration's budget is used at
    once, so a small push is written before `submit` returns.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        limit: int,
        batch: Batch | None = None,
        is_idle: Callable[[], bool] = lambda: False,
        per_turn: int = PER_TURN,
        per_chunk: int = PER_CHUNK,
    ) -> None:
        """*batch* is flushed in each iteration before the pushes, so that urgent data goes first.

        *is_idle* says whether nothing waits for the reactor. *per_turn* and *per_chunk* are numbers of
        connections.
        """
        self._clock = clock
        self.batch = batch or NoBatch()
        self._is_idle = is_idle
        self._limit = limit
        self._waiting: deque[Writing] = deque()
        self._active: deque[tuple[Writing, Iterator[int]]] = deque()
        self._per_turn = per_turn
        self._per_chunk = per_chunk
        self._budget = per_turn  # connections left in this iteration
        self._next_turn: IDelayedCall | None = None

    def submit(self, writing: Writing) -> None:
        """Write a push when its turn comes."""
        self._waiting.append(writing)
        self._await_turn()
        self._spend()

    def flush(self) -> None:
        """Write out at once all that was submitted."""
        while self._has_work:
            self._budget = self._per_turn
            self._spend()
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        self._budget = self._per_turn

    def _turn(self) -> None:
        self._next_turn = None
        self._budget = self._per_turn
        if not self._has_work:
            return
        self.batch.flush()
        self._spend()
        while self._has_work and self._is_idle():
            self._budget = self._per_turn
            self._spend()
        self._await_turn()

    @property
    def _has_work(self) -> bool:
        return bool(self._active or self._waiting)

    def _await_turn(self) -> None:
        if self._next_turn is None:
            self._next_turn = self._clock.callLater(0, self._turn)

    def _spend(self) -> None:
        while self._budget > 0:
            while self._waiting and len(self._active) < self._limit:
                writing = self._waiting.popleft()
                self._active.append((writing, writing.write(self._per_chunk)))
            if not self._active:
                return
            self._write(*self._active.popleft())

    def _write(self, writing: Writing, writes: Iterator[int]) -> None:
        """Write one push until it ends or the turn's budget is used up."""
        try:
            for connections in writes:
                self._budget -= connections
                if self._budget <= 0:
                    self._active.append((writing, writes))
                    return
        except Exception:
            self._log.failure("writing a chatroom push failed")
        writing.written()
