"""The end of a turn: what is written to a connection within one turn of the reactor goes in one call.

Under load a connection gets several frames a turn: the replies to all that was read from it at once, and
what others write to it. A call to the kernel costs as much as all the rest of a message, so they are
joined. A push to a chatroom is one frame to each of many connections and is written at once.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from gim.log.logger import Logger


class Flushable(Protocol):
    """Something with frames that wait for the end of the turn."""

    def flush(self) -> None:
        """Write them."""


class WriteBatch:
    """Flushes, before the reactor waits for the kernel again, whatever `add` was told of."""

    _log = Logger()

    __slots__ = ("_clock", "_waiting")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: list[Flushable] = []

    def add(self, flushable: Flushable) -> None:
        """Flush this at the end of the turn; once for each call."""
        if not self._waiting:
            self._clock.callLater(0, self.flush)
        self._waiting.append(flushable)

    def flush(self) -> None:
        """Flush what waits, now."""
        waiting, self._waiting = self._waiting, []
        for flushable in waiting:
            try:
                flushable.flush()
            except Exception:  # that of one connection is not to cost the others theirs
                self._log.failure("what waited for the end of the turn could not be written")
