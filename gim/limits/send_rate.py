"""How many messages each user may send in a second, however many connections they have here."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from gim.concurrency.periodic import Periodic
from gim.errors import TooManyRequests
from gim.limits.limits import SEND_RATE, Limits


class SendRate(Periodic):
    """Counts by the second, while it runs: nothing is kept of users who sent nothing in it."""

    name = "send rate"

    def __init__(self, limits: Limits, clock: IReactorTime) -> None:
        self._limits = limits
        self._most = limits[SEND_RATE]
        self._sent: dict[str, int] = {}
        super().__init__(self._sent.clear, 1.0, clock, first_at_once=True)

    def take(self, user_id: str) -> None:
        """Count a message of a user, or raise `TooManyRequests`."""
        if not self._most:
            return
        sent = self._sent.get(user_id, 0)
        if sent >= self._most and self._limits.hit(SEND_RATE):
            raise TooManyRequests(f"you sent {self._most} messages in a second: send again in a second")
        self._sent[user_id] = sent + 1
