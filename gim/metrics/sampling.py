"""How much is timed of what happens too often to time all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from gim.metrics.requests import Requests

EVERY = 0.1  # seconds
MOST = 64  # requests that are timed in that time, so all of them up to 640 a second


class Sampling(Service):
    """Lets, while it runs, so many requests be timed, and calls *others*, in each `EVERY` seconds."""

    name = "sampling"

    def __init__(self, requests: Requests[Any], clock: IReactorTime) -> None:
        self.others: Callable[[], None] = lambda: None
        self._requests = requests
        self._loop = LoopingCall(self._turn)
        self._loop.clock = clock
        self._ended: Deferred[LoopingCall] | None = None

    def startService(self) -> None:
        super().startService()
        self._ended = self._loop.start(EVERY)

    def stopService(self) -> Deferred[LoopingCall] | None:
        super().stopService()
        self._loop.stop()
        return self._ended

    def _turn(self) -> None:
        self._requests.to_time = MOST
        self.others()
