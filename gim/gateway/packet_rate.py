"""How fast one connection may send packets: a token bucket that is refilled once a tick.

A packet costs a comparison and a subtraction. The clock is read only with the first packet of each tick
of `gim.gateway.timeout_wheel`. (The leaky bucket as a meter: Turner, 1986.)
"""

from __future__ import annotations

import sys

from gim.limits.limits import PACKET_RATE, LimitHits, Limits

MAX_REJECTED_IN_A_ROW = 500  # consecutive rejected packets after which the connection is closed
MAX_OVERLOAD = 10.0  # seconds of an overload period after which the connection is closed
OVERLOAD_END = 1.0  # seconds without a rejected packet that end an overload period


class TokenBucket:
    """``available`` is how many packets are allowed until the next refill; the caller decrements it."""

    __slots__ = (
        "_hits",
        "_last_rejected",
        "_limits",
        "_overloaded_since",
        "_refilled_at",
        "_rejected_in_a_row",
        "available",
    )

    def __init__(self, limits: Limits, hits: LimitHits, now: float) -> None:
        """*now* is in monotonic seconds, for the methods as well."""
        self._limits = limits
        self._hits = hits
        self._refilled_at = now
        self._rejected_in_a_row = 0
        self._overloaded_since = self._last_rejected = -MAX_OVERLOAD  # the latest overload period
        self.available = limits.max_packet_burst if limits.max_packet_rate else sys.maxsize

    def refill(self, now: float) -> None:
        """Add the packets that the time since the last refill allows."""
        rate = self._limits.max_packet_rate
        gained = int((now - self._refilled_at) * rate)
        if gained and rate:
            self.available = min(self._limits.max_packet_burst, self.available + gained)
            self._refilled_at += gained / rate
            self._rejected_in_a_row = 0

    def reject(self, now: float) -> bool:
        """Count a packet that came while none was available; return whether to reject it."""
        if not self._hits.hit(PACKET_RATE):
            return False
        self._rejected_in_a_row += 1
        if now - self._last_rejected > OVERLOAD_END:
            self._overloaded_since = now
        self._last_rejected = now
        return True

    def is_abused(self) -> bool:
        """Return whether to close the connection: it goes on sending although it is rejected."""
        return (
            self._rejected_in_a_row >= MAX_REJECTED_IN_A_ROW
            or self._last_rejected - self._overloaded_since >= MAX_OVERLOAD
        )
