"""How often each user or address may do something in a second: send, or log in over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from gim.concurrency.periodic import Periodic
from gim.errors import TooManyRequests
from gim.limits.limits import LOGIN_RATE, SEND_RATE, LimitHits, Limits


class Rate(Protocol):
    """Counts by user or address, in this process or in another one."""

    def take(self, who: str) -> Awaitable[object] | None:
        """Count one for *who*; raise `TooManyRequests`, or return what is to be awaited and may raise it.

        "", an unknown address, has no limit.
        """


class RatePerSecond(Periodic):
    """Counts by user or address while it runs, and forgets all counts every second."""

    def __init__(
        self, limit_name: str, limit: int, refusal: str, hits: LimitHits, clock: IReactorTime
    ) -> None:
        """*limit* is 0 for none, *limit_name* its name in *hits*, *refusal* what the 429 says."""
        self.name = self._limit_name = limit_name
        self._limit = limit
        self._refusal = refusal
        self._hits = hits
        self._counts: dict[str, int] = {}
        super().__init__(self._counts.clear, 1.0, clock, first_at_once=True)

    def take(self, who: str) -> None:
        """Count one for *who*, or raise `TooManyRequests`. "", an unknown address, has no limit."""
        if not self._limit or not who:
            return
        count = self._counts.get(who, 0)
        if count >= self._limit and self._hits.hit(self._limit_name):
            raise TooManyRequests(self._refusal)
        self._counts[who] = count + 1


def send_rate(limits: Limits, hits: LimitHits, clock: IReactorTime) -> RatePerSecond:
    """Return the rate of a user's messages, over all their connections to this node and HTTP."""
    limit = limits.max_send_rate
    refusal = f"you sent {limit} messages in a second"
    return RatePerSecond(SEND_RATE, limit, refusal, hits, clock)


def login_rate(limits: Limits, hits: LimitHits, clock: IReactorTime) -> RatePerSecond:
    """Return the rate of the logins over HTTP from one address."""
    limit = limits.max_login_rate
    refusal = f"more than {limit} logins a second from your address"
    return RatePerSecond(LOGIN_RATE, limit, refusal, hits, clock)
