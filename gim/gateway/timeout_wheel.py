"""The timeouts of all connections: one timer and a timing wheel.

Each connection is in at most one bucket of the wheel: that of its next timeout. An idle one is checked
when a ping is due, and needs neither a timer nor a Deferred of its own. (Hashed timing wheels:
Varghese and Lauck, 1987; scheme 6.)

Time is counted in ticks. A process that was suspended counts that as one tick, so clients are not timed
out en masse for the server's own pause.
"""

from __future__ import annotations

from math import ceil
from typing import Protocol

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime

from gim.concurrency.clocks import WallClock, wait_for_date
from gim.concurrency.periodic import Periodic
from gim.log.logger import Logger

TICKS_PER_TIMEOUT = 20  # of the shortest timeout, which is late by a 20th of it at most
MAX_TICK = 0.25  # seconds; `gim.gateway.packet_rate` refills its buckets once a tick


class Timeouts(Struct, frozen=True):
    """All in seconds, see docs/protocol.md, section 1."""

    handshake: float
    login: float
    heartbeat: float
    ping: float

    @property
    def silence_before_ping(self) -> float:
        """The silence, in seconds, after which a ping is sent: early enough for its answer to count as a
        heartbeat."""
        return min(self.ping, self.heartbeat / 2)

    def shortest(self) -> float:
        """Return the shortest time, in seconds, that a connection is checked after."""
        return min(self.handshake, self.login, self.silence_before_ping)


class HasTimeout(Protocol):
    """A connection with timeouts."""

    due_at: int  # the tick of its bucket; 0 if it is in none

    def check_timeouts(self) -> int:
        """Do what is due; return the tick of the next check, 0 for none."""


class TimeoutWheel(Periodic):
    """The wheel. ``now`` is the current tick, from 1 on."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, wall: WallClock, shortest: float) -> None:
        """*shortest* is the shortest timeout in seconds; it determines how long a tick is."""
        self.now = 1
        self._clock = clock
        self._wall = wall
        self.tick = min(shortest / TICKS_PER_TIMEOUT, MAX_TICK)  # in seconds
        self.ticks_to_first = ceil(shortest / self.tick) + 1  # `tick_after` now, of the shortest timeout
        self._buckets: dict[int, dict[HasTimeout, None]] = {}
        super().__init__(self._advance, self.tick, clock)

    def tick_after(self, since: int, timeout: float) -> int:
        """Return the tick at which *timeout* seconds since the tick *since* are over.

        It is never early and at most one tick late: an event in *since* may have come at its end.
        """
        return since + ceil(timeout / self.tick) + 1

    def tick_of_date(self, unix_seconds: float) -> int:
        """Return the tick at which to ask `has_come` for a date: at most `MAX_DATE_WAIT` ahead."""
        return self.tick_after(self.now, wait_for_date(1000 * unix_seconds, self._wall))

    def has_come(self, unix_seconds: float) -> bool:
        """Say whether a date has come."""
        return self._wall.now_ms() >= 1000 * unix_seconds

    def seconds(self) -> float:
        """Return monotonic seconds."""
        return self._clock.seconds()

    def schedule(self, timed: HasTimeout, tick: int) -> None:
        """Check a connection at a tick, the next one at the earliest. Replaces what was scheduled."""
        if timed.due_at:
            self.cancel(timed)
        timed.due_at = max(tick, self.now + 1)
        self._buckets.setdefault(timed.due_at, {})[timed] = None

    def cancel(self, timed: HasTimeout) -> None:
        """Take a connection off the wheel, if it is there."""
        bucket = self._buckets.get(timed.due_at)
        if bucket is not None:
            bucket.pop(timed, None)
            if not bucket:
                del self._buckets[timed.due_at]
        timed.due_at = 0

    def _advance(self) -> None:
        self.now += 1
        for timed in self._buckets.pop(self.now, {}):
            if timed.due_at == self.now:  # another check of this tick may have cancelled it
                self._check(timed)

    def _check(self, timed: HasTimeout) -> None:
        timed.due_at = 0
        try:
            next_check = timed.check_timeouts()
        except Exception:
            self._log.failure("checking a connection's timeouts failed")
            next_check = self.now + 1
        if next_check:
            self.schedule(timed, next_check)
