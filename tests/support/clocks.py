"""A wall clock for tests, beside the `Clock` that they move by hand."""

from __future__ import annotations

from collections.abc import Callable

from gim.concurrency.clocks import WallClock

HOUR, DAY = 3600.0, 86400.0  # seconds


class SettableWallClock(WallClock):
    """A wall clock that goes with *seconds*, those of a `Clock` for example, until it is set."""

    __slots__ = ("_ahead_ms", "_seconds")

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._ahead_ms = 0

    def now_ms(self) -> int:
        return int(self._seconds() * 1000) + self._ahead_ms

    def step(self, seconds: float) -> None:
        """Set it forward, or back if negative; what waits does not notice."""
        self._ahead_ms += round(seconds * 1000)
