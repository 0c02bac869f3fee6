"""Samples of what happens too often to time all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime

from gim.concurrency.periodic import Periodic
from gim.metrics.instruments.requests import RequestMetrics

SAMPLING_INTERVAL = 0.1  # seconds
MAX_TIMED_REQUESTS = 64  # in each interval, so all of them up to 640 a second


class RequestSampling(Periodic):
    """Allows, in each interval, so many requests to be timed, and calls `others`."""

    name = "sampling"

    def __init__(self, requests: RequestMetrics[Any], clock: IReactorTime) -> None:
        self.others: Callable[[], None] = lambda: None
        self._requests = requests
        super().__init__(self._begin_interval, SAMPLING_INTERVAL, clock, first_at_once=True)

    def _begin_interval(self) -> None:
        self._requests.to_time = MAX_TIMED_REQUESTS
        self.others()
