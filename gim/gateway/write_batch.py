"""Joins the frames that a connection gets within one iteration of the reactor into one write.

Under load a connection gets several frames an iteration: replies to all requests that were read at once,
and pushes. A call to the kernel costs as much as all other work for a message, so the frames are joined.
A chatroom push is one frame to each of many connections and is written at once.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from gim.log.logger import Logger


class Flushable(Protocol):
    """Has frames that wait for the end of the iteration."""

    def flush(self) -> None:
        """Write the waiting frames."""


class WriteBatch:
    """Flushes what was added at the end of the iteration, before the reactor waits for the kernel."""

    _log = Logger()

    __slots__ = ("_clock", "_waiting")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: list[Flushable] = []

    @property
    def is_empty(self) -> bool:
        """Whether no frames wait."""
        return not self._waiting

    def add(self, flushable: Flushable) -> None:
        """Flush *flushable* at the end of the iteration, once for each call."""
        if not self._waiting:
            self._clock.callLater(0, self.flush)
        self._waiting.append(flushable)

    def flush(self) -> None:
        """Flush now."""
        waiting, self._waiting = self._waiting, []
        for flushable in waiting:
            try:
                flushable.flush()
            except Exception:  # a fault of one connection must not affect the others
                self._log.failure("writing the frames of a connection failed")
