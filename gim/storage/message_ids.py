"""Message ids: UUIDv7 (RFC 9562, section 5.7) that rise strictly in the order of making.

Layout of the 128 bits: 48 Unix milliseconds, 4 version, 12 counter (method 1 of section 6.2), 2
variant, 62 random. The counter starts at 0 with each new millisecond; when it is used up, or when
the clock goes back, the time part runs ahead of the clock, as that section allows. Ids of one
millisecond share their random bits: the counter tells them apart.
"""

from __future__ import annotations

from random import getrandbits

from gim.concurrency.clocks import WallClock

_COUNTER_END = 1 << 12
_COUNTERS = [f"{number:03x}" for number in range(_COUNTER_END)]
_VARIANT = 0b10 << 62

FIRST = "0" * 32  # before every id
LAST = "f" * 32  # after every id


def first_id_of(at_ms: int) -> str:
    """Return what sorts before every id made at *at_ms* or later, and after all earlier ones."""
    return f"{max(at_ms, 0):012x}" + "0" * 20


class TimeIds:
    """Makes ids from the wall clock, whichever way it is set."""

    __slots__ = ("_counter", "_ms", "_now_ms", "_prefix", "_random")

    def __init__(self, wall: WallClock) -> None:
        self._now_ms = wall.now_ms
        self._begin(0)
        self._counter = -1  # none has been made

    def next(self) -> tuple[str, int]:
        """Return a new id, 32 lower-case hex digits, and its time in Unix milliseconds."""
        now = self._now_ms()
        self._counter += 1
        if now > self._ms:
            self._begin(now)
        elif self._counter == _COUNTER_END:
            self._begin(self._ms + 1)
        return self._prefix + _COUNTERS[self._counter] + self._random, self._ms

    @property
    def last(self) -> str:
        """Return the newest id that was made, or one between that and all that follow."""
        if self._counter < 0:
            return first_id_of(self._ms)
        return self._prefix + _COUNTERS[self._counter] + self._random

    def resume(self, last_id: str) -> None:
        """Make larger ids than this one from now on, whatever the clock says."""
        ms = int(last_id[:12], 16)
        if ms >= self._ms:
            self._begin(ms + 1)
            self._counter = -1  # none of this millisecond has been made

    def _begin(self, ms: int) -> None:
        """Write what the ids of one millisecond have in common."""
        self._ms = ms
        self._counter = 0
        self._prefix = f"{ms:012x}7"
        self._random = f"{_VARIANT | getrandbits(62):016x}"
