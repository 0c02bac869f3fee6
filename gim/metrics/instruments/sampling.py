"""How much is timed of what happens too often to time all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime

from gim.concurrency.periodic import Periodic
from gim.metrics.instruments.requests import RequestMetrics

EVERY = 0.1  # seconds
MOST = 64  # requests that are timed in that time, so all of them up to 640 a second


class RequestSampling(Periodic):
    """Lets, while it runs, so many requests be timed, and calls *others*, in each `EVERY` seconds."""

    name = "sampling"

    def __init__(self, requests: RequestMetrics[Any], clock: IReactorTime) -> None:
        self.others: Callable[[], None] = lambda: None
        self._requests = requests
        super().__init__(self._turn, EVERY, clock, first_at_once=True)

    def _turn(self) -> None:
        self._requests.to_time = MOST
        self.others()
