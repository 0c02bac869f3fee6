"""How much each user may read in a second, over all their connections to this node and HTTP.

What an answer costs the server grows with its rows (messages, sessions, members, chatrooms that a login
enters) and with its bytes: some 10 us for a row or a KiB, so packets alone are no measure of it.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from gim.concurrency.periodic import Periodic
from gim.errors import TooManyRequests
from gim.limits.limits import READ_RATE, LimitHits, Limits

BURST = 2  # times the limit: how much a user may read at once after silence
MAX_DEBT = 10  # times the limit: more is not remembered, so no user waits longer than 9 s


class ReadRate(Periodic):
    """Counts rows and KiB by user; while it runs, it deducts the limit from each count every second.

    An answer is charged once it is known, so a user may exceed the limit with it and waits afterwards.
    Users who have read nothing for a while are forgotten.
    """

    name = "read rate"

    def __init__(self, limits: Limits, hits: LimitHits, clock: IReactorTime) -> None:
        self._hits = hits
        self._limit = limits.max_read_rate
        self._read: dict[str, int] = {}
        super().__init__(self._forgive, 1.0, clock, first_at_once=True)

    def check(self, user_id: str) -> None:
        """Raise `TooManyRequests` for a user who has read too much."""
        above = self._read.get(user_id, 0) - BURST * self._limit
        if self._limit and above >= 0 and self._hits.hit(READ_RATE):
            wait = above // self._limit + 1
            raise TooManyRequests(f"you read more than {self._limit} rows and KiB a second", wait)

    def charge(self, user_id: str, amount: int) -> None:
        """Count an *amount* of rows or KiB that a user reads."""
        if self._limit:
            read = self._read.get(user_id, 0) + amount
            self._read[user_id] = min(read, MAX_DEBT * self._limit)

    def _forgive(self) -> None:
        limit = self._limit
        self._read = {user_id: read - limit for user_id, read in self._read.items() if read > limit}
