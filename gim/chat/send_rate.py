"""How many messages each user may send in a second, however many connections they have here."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from gim.errors import TooMany
from gim.limits import SEND_RATE, Limits


class SendRate(Service):
    """Counts by the second, while it runs: nothing is kept of users who sent nothing in it."""

    name = "send rate"

    def __init__(self, limits: Limits, clock: IReactorTime) -> None:
        self._limits = limits
        self._most = limits[SEND_RATE]
        self._sent: dict[str, int] = {}
        self._loop = LoopingCall(self._sent.clear)
        self._loop.clock = clock
        self._ended: Deferred[LoopingCall] | None = None

    def startService(self) -> None:
        super().startService()
        self._ended = self._loop.start(1.0)

    def stopService(self) -> Deferred[LoopingCall] | None:
        super().stopService()
        self._loop.stop()
        return self._ended

    def take(self, user_id: str) -> None:
        """Count a message of a user, or raise `TooMany`."""
        if not self._most:
            return
        sent = self._sent.get(user_id, 0)
        if sent >= self._most and self._limits.hit(SEND_RATE):
            raise TooMany(f"you sent {self._most} messages in a second: send again in a second")
        self._sent[user_id] = sent + 1
