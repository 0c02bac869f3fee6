"""How fast one connection may send packets: a token bucket that is filled once a tick.

A packet costs a comparison and a subtraction, and no look at the clock: that is for the first read in
each tick of `gim.gateway.timeout_wheel`. (The leaky bucket as a meter: Turner, 1986.)
"""

from __future__ import annotations

import sys

from gim.limits.limits import PACKET_BURST, PACKET_RATE, Limits

MOST_IN_A_ROW = (
    500  # packets above it with none between them that was not, until the connection is closed
)
LONGEST = 10.0  # seconds that a connection may go on sending more
PAUSE = 1.0  # seconds without a packet above it that end such a time


class TokenBucket:
    """``left`` is how many packets may come until it is filled again; each is to be subtracted."""

    __slots__ = ("_began", "_filled", "_last", "_limits", "_row", "left")

    def __init__(self, limits: Limits, now: float) -> None:
        """*now* is in seconds, as in all that follows."""
        self._limits = limits
        self._filled = now
        self._row = 0  # packets above it since it was filled
        self._began = self._last = -LONGEST  # the first and last packet above it of such a time
        self.left = limits[PACKET_BURST] if limits[PACKET_RATE] else sys.maxsize

    def fill(self, now: float) -> None:
        """Add what has come together since the last time."""
        rate = self._limits[PACKET_RATE]
        gained = int((now - self._filled) * rate)
        if gained < 0:  # the clock was set back
            self._filled = now
        elif gained and rate:
            self.left = min(self._limits[PACKET_BURST], self.left + gained)
            self._filled += gained / rate
            self._row = 0

    def refuses(self, now: float) -> bool:
        """Count a packet above it; say whether to refuse it."""
        if not self._limits.hit(PACKET_RATE):
            return False
        self._row += 1
        if now - self._last > PAUSE:
            self._began = now
        self._last = now
        return True

    def is_hopeless(self) -> bool:
        """Say whether the connection is to be closed: it went on and on."""
        return self._row >= MOST_IN_A_ROW or self._last - self._began >= LONGEST
