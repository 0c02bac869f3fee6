"""How many messages each user may send in a second, over all their connections to this node."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from gim.concurrency.periodic import Periodic
from gim.errors import TooManyRequests
from gim.limits.limits import SEND_RATE, LimitHits, Limits


class SendRate(Periodic):
    """Counts by the second, while it runs. Users who sent nothing in a second are forgotten."""

    name = "send rate"

    def __init__(self, limits: Limits, hits: LimitHits, clock: IReactorTime) -> None:
        self._hits = hits
        self._limit = limits.max_send_rate
        self._sent: dict[str, int] = {}
        super().__init__(self._sent.clear, 1.0, clock, first_at_once=True)

    def take(self, user_id: str) -> None:
        """Count a message of a user, or raise `TooManyRequests`."""
        if not self._limit:
            return
        sent = self._sent.get(user_id, 0)
        if sent >= self._limit and self._hits.hit(SEND_RATE):
            raise TooManyRequests(f"you sent {self._limit} messages in a second: wait a second")
        self._sent[user_id] = sent + 1
