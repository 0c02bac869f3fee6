"""Pauses between attempts."""

from __future__ import annotations

from collections.abc import Callable
from random import uniform

from msgspec import Struct

_MOST_DOUBLINGS = 10  # so that no number of failures overflows


class Backoff(Struct, frozen=True):
    """Exponential backoff with full jitter, so that those who failed together do not come back together
    (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).

    All are seconds: the pause after the first failure is drawn from *shortest* to *first*; the upper
    bound doubles with each failure, up to *longest*.
    """

    first: float
    longest: float
    shortest: float = 0.0

    def pause(self, failures: int, draw: Callable[[float, float], float] = uniform) -> float:
        """Return the seconds to wait after *failures* attempts in a row have failed. 0 stands for a loss
        after a success, with half of the first bound."""
        bound = self.first * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
        return draw(self.shortest, min(self.longest, bound))
