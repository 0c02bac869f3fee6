"""Flushing the channels of a process at the end of an iteration of the reactor."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from gim.log.logger import Logger


class Flushes:
    """Calls what was added at the end of the iteration. The channels of a process share the one timer."""

    _log = Logger()

    __slots__ = ("_clock", "_waiting")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: list[Callable[[], object]] = []

    def add(self, flush: Callable[[], object]) -> None:
        """Call *flush* at the end of the iteration."""
        waiting = self._waiting
        waiting.append(flush)
        if len(waiting) == 1:
            self._clock.callLater(0, self._flush)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for flush in waiting:
            try:
                flush()
            except Exception:  # a fault of one channel must not affect the others
                self._log.failure("flushing a link failed")
