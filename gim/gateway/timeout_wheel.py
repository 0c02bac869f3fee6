"""The timeouts of all connections by one LoopingCall over buckets of a timing wheel.

A connection stands in one bucket at most, that of the next moment at which anything could be due, so an
idle one costs a look every half heartbeat interval, and neither a timer nor a Deferred. (Hashed timing
wheels: Varghese and Lauck, 1987; scheme 6.)

Time is counted in ticks of the loop. A process that was stopped for a while, or a wall clock that was
set forward, makes one tick, so it never takes the blame to thousands of clients at once.
"""

from __future__ import annotations

from math import ceil
from typing import Protocol

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime

from gim.concurrency.periodic import Periodic
from gim.log.logger import Logger


class Timeouts(Struct, frozen=True):
    """All in seconds, see docs/protocol.md, section 1."""

    handshake: float = 5.0
    login: float = 30.0
    heartbeat: float = 120.0

    def shortest(self) -> float:
        """Return what decides how often to look."""
        return min(self.handshake, self.login, self.heartbeat / 2)


class HasTimeout(Protocol):
    """A connection with timeouts."""

    look_at: int  # the tick of its bucket; 0 for none

    def check(self) -> int:
        """Do what is due and return the tick of the next look, 0 for no more."""


class TimeoutWheel(Periodic):
    """The wheel. ``now`` is the current tick, and never 0."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, shortest: float) -> None:
        """*shortest* is the shortest timeout, in seconds: a tick is a 20th of it, at most 0.25 s, as
        `gim.gateway.packet_rate` counts by it as well."""
        self.now = 1
        self._clock = clock
        self.tick = min(shortest / 20, 0.25)
        self._buckets: dict[int, dict[HasTimeout, None]] = {}
        super().__init__(self._turn, self.tick, clock)

    def after(self, since: int, timeout: float) -> int:
        """Return the tick at which *timeout* seconds since a tick are over: never early, and no more
        than one tick late, as what happened at *since* may have come late in it."""
        return since + ceil(timeout / self.tick) + 1

    def seconds(self) -> float:
        """Return the Unix time."""
        return self._clock.seconds()

    def at(self, seconds: float) -> int:
        """Return the tick at which it will be that Unix time, if no tick is missed until then."""
        return self.after(self.now, max(0.0, seconds - self.seconds()))

    def look(self, timed: HasTimeout, at: int) -> None:
        """Look at a connection at a tick, instead of when it was to be looked at."""
        self.forget(timed)
        timed.look_at = max(at, self.now + 1)
        self._buckets.setdefault(timed.look_at, {})[timed] = None

    def forget(self, timed: HasTimeout) -> None:
        """Look at a connection no more."""
        bucket = self._buckets.get(timed.look_at)
        if bucket is not None:
            bucket.pop(timed, None)
            if not bucket:
                del self._buckets[timed.look_at]
        timed.look_at = 0

    def _turn(self) -> None:
        self.now += 1
        for timed in self._buckets.pop(self.now, {}):
            if timed.look_at == self.now:  # not forgotten by what another one did just now
                self._check(timed)

    def _check(self, timed: HasTimeout) -> None:
        timed.look_at = 0
        try:
            at = timed.check()
        except Exception:
            self._log.failure("checking a connection's timeouts failed")
            at = self.now + 1
        if at:
            self.look(timed, at)
