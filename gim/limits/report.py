"""The log line about limits that somebody came up against: one in ten seconds, however many they were."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from gim.concurrency.periodic import Periodic
from gim.limits.limits import SWITCHED, Limits
from gim.log.logger import Logger

EVERY = 10.0  # seconds


class LimitReport(Periodic):
    """Says, while it runs, what came to `Limits.hits`, but for sizes and times, which are there to be
    reached now and then."""

    name = "limit log"
    _log = Logger()

    def __init__(self, limits: Limits, clock: IReactorTime) -> None:
        self._limits = limits
        self._said = limits.hits.copy()
        super().__init__(self._say, EVERY, clock)

    def stopService(self) -> Deferred[LoopingCall] | None:
        ended = super().stopService()
        self._say()
        return ended

    def _say(self) -> None:
        new, self._said = self._limits.hits - self._said, self._limits.hits.copy()
        said = [f"--{name} {new[name]} times" for name in SWITCHED if new[name]]
        if said:
            self._log.warn(
                "limits were reached{how}: {limits}",
                how="" if self._limits.enforced else " (dry run)",
                limits=", ".join(said),
            )
