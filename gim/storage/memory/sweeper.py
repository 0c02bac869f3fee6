"""Removes what has had its time, in small portions, so that it holds nobody up."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from gim.concurrency.periodic import Periodic

EVERY = 1.0  # seconds
PORTION = 500  # entries of each kind per turn of the reactor, some 3 ms


class Sweeper(Periodic):
    """Calls *sweep* with a limit every second, and in each turn of the reactor while more waits."""

    def __init__(self, sweep: Callable[[int], bool], clock: IReactorTime) -> None:
        self._sweep = sweep
        self._clock = clock
        super().__init__(self._run, EVERY, clock)

    async def _run(self) -> None:
        while self.running and self._sweep(PORTION):
            await deferLater(self._clock, 0)
