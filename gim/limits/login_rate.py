"""How many logins over HTTP may come from one address in a second."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from gim.concurrency.periodic import Periodic
from gim.errors import TooManyRequests
from gim.limits.limits import LOGIN_RATE, LimitHits, Limits


class LoginRate(Periodic):
    """Counts by the second, while it runs. Addresses without a login in a second are forgotten."""

    name = "login rate"

    def __init__(self, limits: Limits, hits: LimitHits, clock: IReactorTime) -> None:
        self._hits = hits
        self._limit = limits.max_login_rate
        self._logins: dict[str, int] = {}
        super().__init__(self._logins.clear, 1.0, clock, first_at_once=True)

    def take(self, address_group: str) -> None:
        """Count a login, or raise `TooManyRequests`. "", an address that is not known, has no limit."""
        if not self._limit or not address_group:
            return
        logins = self._logins.get(address_group, 0)
        if logins >= self._limit and self._hits.hit(LOGIN_RATE):
            raise TooManyRequests(
                f"more than {self._limit} logins a second from your address: wait a second"
            )
        self._logins[address_group] = logins + 1
