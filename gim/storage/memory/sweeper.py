"""Removes what has expired, in small portions, so that other work is not delayed."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from gim.concurrency.periodic import Periodic

SWEEP_INTERVAL = 1.0  # seconds
ENTRIES_PER_TURN = 500  # of each kind and iteration of the reactor: some 3 ms


class Sweeper(Periodic):
    """Calls *sweep* with a limit every second, and in each iteration of the reactor while more waits."""

    def __init__(self, sweep: Callable[[int], bool], clock: IReactorTime) -> None:
        self._sweep = sweep
        self._clock = clock
        super().__init__(self._run, SWEEP_INTERVAL, clock)

    async def _run(self) -> None:
        while self.running and self._sweep(ENTRIES_PER_TURN):
            await deferLater(self._clock, 0)
