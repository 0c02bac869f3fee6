"""Delivered and dropped events, counted for /metrics and the log."""

from __future__ import annotations

from collections import Counter

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gim.log.logger import Logger
from gim.metrics.instruments.durations import Row, new_row
from gim.webhooks.event_types import EVENTS

QUEUE_FULL = "queue_full"
REFUSED = "refused"  # the receiver's answer was final
EXPIRED = "expired"  # tried for too long
STORAGE = "storage"  # the storage gave no number
FAULT = "fault"  # a bug of gim
STOPPED = "stopped"  # gim ended
REASONS = (QUEUE_FULL, REFUSED, EXPIRED, STORAGE, FAULT, STOPPED)
LOG_INTERVAL = 60.0  # seconds


class WebhookCounts:
    """Counters. The first failure is logged at once, later ones once a minute in a summary."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.queued = 0  # events that are neither delivered nor dropped yet
        self.delivered: Counter[str] = Counter(dict.fromkeys(EVENTS, 0))
        self.dropped: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        self.retries = 0
        self.attempts: Row = new_row()  # their durations
        self._failed = 0  # attempts since the last summary
        self._unlogged: Counter[str] = Counter()
        self._last_reason = ""
        self._later: IDelayedCall | None = None

    def fail(self, reason: str) -> None:
        """Count an attempt that failed."""
        self._failed += 1
        self._last_reason = reason
        self._log_soon()

    def drop(self, reason: str, count: int = 1) -> None:
        """Count events that are given up."""
        self.dropped[reason] += count
        self._unlogged[reason] += count
        self._log_soon()

    def _log_soon(self) -> None:
        if self._later is None:
            self._later = self._clock.callLater(0, self._log_summary)

    def _log_summary(self) -> None:
        """Log what happened since the last summary, if anything."""
        self._later = None
        if not self._failed and not self._unlogged:
            return
        dropped = ", ".join(f"{count} {reason}" for reason, count in self._unlogged.items()) or "none"
        self._log.warn(
            "webhooks: {failed} attempts failed{words}; events dropped: {dropped}; {queued} wait",
            failed=self._failed,
            words=f", the last one with {self._last_reason}" if self._failed else "",
            dropped=dropped,
            queued=self.queued,
        )
        self._failed = 0
        self._unlogged.clear()
        self._later = self._clock.callLater(LOG_INTERVAL, self._log_summary)

    def stop(self) -> None:
        """Log the last summary, and none after it."""
        if self._later is not None:
            self._later.cancel()
            self._log_summary()
        if self._later is not None:
            self._later.cancel()
