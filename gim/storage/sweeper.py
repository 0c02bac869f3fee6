"""Removes what has had its time, in small portions, so that it holds nobody up."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater

from gim.logs import Logger

EVERY = 1.0  # seconds
PORTION = 500  # entries of each kind per turn of the reactor, some 3 ms


class Sweeper(Service):
    """Calls *sweep* with a limit every second, and in each turn of the reactor while more waits."""

    _log = Logger()

    def __init__(self, sweep: Callable[[int], bool], clock: IReactorTime) -> None:
        self._sweep = sweep
        self._clock = clock
        self._loop = LoopingCall(self._run)
        self._loop.clock = clock
        self._ended: Deferred[LoopingCall] | None = None

    def startService(self) -> None:
        super().startService()
        self._ended = self._loop.start(EVERY, now=False)

    def stopService(self) -> Deferred[LoopingCall] | None:
        super().stopService()
        self._loop.stop()
        return self._ended

    async def _run(self) -> None:
        try:
            while self.running and self._sweep(PORTION):
                await deferLater(self._clock, 0)
        except Exception:
            self._log.failure("sweeping failed, next try in {every} s", every=EVERY)
