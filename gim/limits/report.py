"""The log line about limits that were reached: one in ten seconds at most."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from gim.concurrency.periodic import Periodic
from gim.limits.limits import OPEN_FILES, SWITCHED, LimitHits
from gim.log.logger import Logger

REPORT_INTERVAL = 10.0  # seconds


class LimitReport(Periodic):
    """Logs, while it runs, which limits were reached and how often. Sizes and times are left out: clients
    reach them now and then."""

    name = "limit log"
    _log = Logger()

    def __init__(self, hits: LimitHits, clock: IReactorTime) -> None:
        self._hits = hits
        self._reported = hits.counts.copy()
        super().__init__(self._report, REPORT_INTERVAL, clock)

    def stopService(self) -> Deferred[LoopingCall] | None:
        ended = super().stopService()
        self._call()  # which logs a fault instead of raising it
        return ended

    def _report(self) -> None:
        new, self._reported = self._hits.counts - self._reported, self._hits.counts.copy()
        reached = [f"--{name} {new[name]} times" for name in SWITCHED if new[name]]
        if new[OPEN_FILES]:
            reached.append(f"open files {new[OPEN_FILES]} times")
        if reached:
            self._log.warn(
                "limits were reached{how}: {limits}",
                how="" if self._hits.is_enforced else " (dry run)",
                limits=", ".join(reached),
            )
