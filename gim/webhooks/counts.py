"""What became of events, counted for /metrics and said in the log."""

from __future__ import annotations

from collections import Counter

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gim.log.logger import Logger
from gim.metrics.instruments.durations import Row, new_row
from gim.webhooks.event_types import EVENTS

QUEUE_FULL = "queue_full"
REFUSED = "refused"  # by the receiver, for good
EXPIRED = "expired"  # tried for too long
STORAGE = "storage"  # no number could be had
FAULT = "fault"  # of ours
STOPPED = "stopped"  # gim ended
REASONS = (QUEUE_FULL, REFUSED, EXPIRED, STORAGE, FAULT, STOPPED)
SAY_EVERY = 60.0  # seconds


class WebhookCounts:
    """Counters. What goes wrong is said at once, and then in a summary every minute while it does."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.queued = 0  # events that are neither delivered nor dropped yet
        self.delivered: Counter[str] = Counter(dict.fromkeys(EVENTS, 0))
        self.dropped: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        self.retries = 0
        self.attempts: Row = new_row()  # how long they took
        self._failed = 0  # attempts since the last line
        self._lost: Counter[str] = Counter()
        self._words = ""
        self._later: IDelayedCall | None = None

    def fail(self, words: str) -> None:
        """Count an attempt that failed, for the reason that *words* say."""
        self._failed += 1
        self._words = words
        self._say_soon()

    def drop(self, reason: str, count: int = 1) -> None:
        """Count events that are told to nobody."""
        self.dropped[reason] += count
        self._lost[reason] += count
        self._say_soon()

    def _say_soon(self) -> None:
        if self._later is None:
            self._later = self._clock.callLater(0, self._say)

    def _say(self) -> None:
        """Say what happened since the last line, if anything."""
        self._later = None
        if not self._failed and not self._lost:
            return
        lost = ", ".join(f"{count} {reason}" for reason, count in self._lost.items()) or "none"
        self._log.warn(
            "webhooks: {failed} attempts failed{words}; events dropped: {lost}; {queued} wait",
            failed=self._failed,
            words=f", the last one with {self._words}" if self._failed else "",
            lost=lost,
            queued=self.queued,
        )
        self._failed = 0
        self._lost.clear()
        self._later = self._clock.callLater(SAY_EVERY, self._say)

    def stop(self) -> None:
        """Say the last, and no more."""
        if self._later is not None:
            self._later.cancel()
            self._say()
        if self._later is not None:
            self._later.cancel()
