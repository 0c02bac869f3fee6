"""The two clocks: a monotonic one for all that waits, the wall clock for all that is a date.

What waits (timers, timeouts, rates, leases, retries, ages) takes `IReactorTime` and counts seconds in a
float; `follow_monotonic_time` makes the reactor count them by the system's monotonic clock, which nothing
sets. What is a date (ids, ``created_at``, bans, mutes, the times in tokens, signatures) takes `WallClock`
and counts whole Unix milliseconds. It has neither ``seconds`` nor ``callLater``, so neither clock can be
taken for the other. The few dates that something waits for are waited for here: `wait_for_date`.
"""

from __future__ import annotations

from time import monotonic, time_ns
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

MAX_DATE_WAIT = (
    60.0  # seconds until a date that something waits for is compared with the wall clock again
)
MAX_AGEING_SPEED = 2  # how fast things may grow old after the wall clock was set forward


class WallClock:
    """The Unix time, which may be set at any moment: forwards, backwards, by any amount."""

    __slots__ = ()

    def now_ms(self) -> int:
        """Return the Unix time in whole milliseconds."""
        return time_ns() // 1_000_000


class Moment(Struct, frozen=True):
    """When something happened: ``at`` in monotonic seconds, which tell its age, and the date."""

    at: float
    unix_ms: int

    @classmethod
    def now(cls, clock: IReactorTime, wall: WallClock) -> Moment:
        """Return the moment at which both clocks stand."""
        return cls(clock.seconds(), wall.now_ms())


class RetentionClock:
    """The Unix time for what is kept for a while: the wall clock, as far as time has been seen to pass.

    When the wall clock is set forward, this clock goes twice as fast as the monotonic one until it has
    caught up. So nothing grows old before half of its time has passed, and what is kept for days survives
    a wall clock that is months ahead for an hour. When the wall clock is set back, this clock shows it at
    once: things are kept longer. The date reached before is not forgotten, so that putting such a step
    right needs no catching up.
    """

    __slots__ = ("_clock", "_reached_ms", "_seen_at", "_wall")

    def __init__(self, clock: IReactorTime, wall: WallClock) -> None:
        self._clock = clock
        self._wall = wall
        self._seen_at = clock.seconds()
        self._reached_ms: float = wall.now_ms()

    def now_ms(self) -> int:
        """Return the time in whole Unix milliseconds. It must be read more often than things expire."""
        seen_at, wall_ms = self._clock.seconds(), self._wall.now_ms()
        if wall_ms > self._reached_ms:
            most = self._reached_ms + (seen_at - self._seen_at) * 1000 * MAX_AGEING_SPEED
            self._reached_ms = min(wall_ms, most)
        self._seen_at = seen_at
        return min(wall_ms, int(self._reached_ms))


def wait_for_date(unix_ms: float, wall: WallClock) -> float:
    """Return in how many seconds to compare a date with the wall clock (again): 0 if it has come.

    That is `MAX_DATE_WAIT` at most, as the wall clock may be set meanwhile.
    """
    return min(max(0.0, unix_ms - wall.now_ms()) / 1000, MAX_DATE_WAIT)


def follow_monotonic_time(reactor: Any) -> None:
    """Make a reactor of Twisted count its seconds by the monotonic clock; its default is the wall clock.

    Its timers, and with them those of Twisted, Autobahn and all else that runs on it, then fire after the
    time they were given, whatever happens to the wall clock. Timers that wait already are kept. The
    asyncio reactor too computes all its waiting from these seconds.
    """
    if reactor.seconds is monotonic:
        return
    change = monotonic() - reactor.seconds()
    reactor.seconds = monotonic
    for call in reactor.getDelayedCalls():
        call.seconds = monotonic
        call.delay(change)
