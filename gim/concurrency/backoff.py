"""Pauses between attempts."""

from __future__ import annotations

from collections.abc import Callable
from random import uniform

from msgspec import Struct

_MAX_DOUBLINGS = 10  # so that no number of failures overflows


class Backoff(Struct, frozen=True):
    """Exponential backoff with full jitter: clients that fail together do not come back together (Marc
    Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).

    All fields are seconds. The pause after the first failure is random between *shortest* and *first*;
    the upper bound doubles with each failure, up to *longest*.
    """

    first: float
    longest: float
    shortest: float = 0.0

    def pause(self, failures: int, draw: Callable[[float, float], float] = uniform) -> float:
        """Return the seconds to wait after *failures* failed attempts in a row. For 0, a loss after a
        success, the bound is half of *first*."""
        bound = self.first * 2.0 ** min(failures - 1, _MAX_DOUBLINGS)
        return draw(self.shortest, min(self.longest, bound))
