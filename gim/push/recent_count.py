"""How much happened a moment ago."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

WINDOW = 10.0  # seconds


class RecentCount:
    """Counts what happens, and knows about how much it was in the last `WINDOW` seconds.

    It keeps two counts, that of the window under way and that of the one before, of which the part that
    is less than `WINDOW` seconds old counts. This is the sliding window of
    https://blog.cloudflare.com/counting-things-a-lot-of-different-things/
    """

    __slots__ = ("_before", "_clock", "_count", "_window")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._window = 0.0  # how many windows began before this one
        self._count = 0
        self._before = 0

    def add(self, number: int) -> None:
        """Count *number* more."""
        self._turn(self._clock.seconds() // WINDOW)
        self._count += number

    def per_second(self) -> float:
        """Return how many there were a second, on average."""
        windows = self._clock.seconds() / WINDOW
        self._turn(windows // 1)
        return (self._count + self._before * (1 - windows % 1)) / WINDOW

    def _turn(self, window: float) -> None:
        """Begin another window if the one before is over."""
        if window != self._window:
            self._before = self._count if window == self._window + 1 else 0
            self._count, self._window = 0, window
