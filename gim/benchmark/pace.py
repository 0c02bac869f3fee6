"""When each message of an open loop is due: at a steady pace, whatever the server does.

A latency counts from the moment when its message was due, so a server that stands still shows in all
messages that were due meanwhile, and not only in the ones that were sent
(https://www.scylladb.com/2021/04/22/on-coordinated-omission/).
"""

from __future__ import annotations

from collections.abc import Iterator

LATE_S = 0.01  # a message that leaves so much after it was due was held up by the generator


class Pace:
    """Moments at equal distances, in seconds of the monotonic clock."""

    def __init__(self, rate: float, began: float, place: int = 0, of: int = 1) -> None:
        """*rate* is that of all processes, of which this is number *place*: they take turns."""
        self._rate = rate
        self._began = began
        self._number = place
        self._step = of

    @property
    def next_at(self) -> float:
        """When the next one is due."""
        return self._began + self._number / self._rate

    def due(self, now: float) -> Iterator[float]:
        """Yield the moments up to now, each of them once."""
        while (at := self.next_at) <= now:
            self._number += self._step
            yield at
