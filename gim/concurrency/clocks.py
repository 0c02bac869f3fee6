"""The time in milliseconds."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime


def now_ms(clock: IReactorTime) -> int:
    """Return the clock's time in whole Unix milliseconds."""
    return int(clock.seconds() * 1000)
