"""Delivery: at least once, in order for each user, with pauses that grow as attempts fail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from time import perf_counter_ns

from twisted.internet.defer import DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from gim.concurrency.backoff import Backoff
from gim.metrics.instruments.durations import add
from gim.webhooks.attempt import MAX_CONCURRENT_ATTEMPTS, AttemptResult
from gim.webhooks.counts import EXPIRED, REFUSED, WebhookCounts
from gim.webhooks.events import NumberedEvent
from gim.webhooks.throttle import AttemptThrottle
from gim.webhooks.user_queues import UserQueues

RETRY = Backoff(first=0.5, longest=60.0)
MAX_RETRY_AFTER = 300.0  # seconds; a longer Retry-After is cut
MAX_EVENT_AGE = 900.0  # seconds since it happened after which an event gets no other attempt


class Delivery:
    """At most `MAX_CONCURRENT_ATTEMPTS` posts at once. A retry blocks later events of the same user only;
    a Retry-After pauses all."""

    def __init__(
        self,
        post: Callable[[NumberedEvent], Awaitable[AttemptResult]],
        counts: WebhookCounts,
        ended: Callable[[NumberedEvent], None],
        lost: Callable[[NumberedEvent], None],
        clock: IReactorTime,
    ) -> None:
        """*post* makes an attempt. *ended* is called with each event that is delivered or given up, and
        *lost* with one that an exception ended."""
        self._post = post
        self._counts = counts
        self._ended = ended
        self._clock = clock
        self._slots = DeferredSemaphore(MAX_CONCURRENT_ATTEMPTS)
        self._throttle = AttemptThrottle(clock)
        self._paused_until = 0.0
        self._queues = UserQueues(self._deliver, lost)

    def put(self, event: NumberedEvent) -> None:
        """Deliver an event, after the earlier ones of its user."""
        self._queues.put(event)

    def firsts(self) -> list[NumberedEvent]:
        """Return the oldest event of each user who has some."""
        return self._queues.firsts()

    def stop(self) -> None:
        """Give up the events that are not delivered yet."""
        self._queues.stop()

    async def _deliver(self, event: NumberedEvent) -> None:
        for failures in count(1):
            result = await self._attempt(event)
            if result.is_success:
                self._counts.delivered[event.type] += 1
                break
            self._counts.fail(result.reason)
            if result.is_final:
                self._counts.drop(REFUSED)
                break
            pause = max(RETRY.pause(failures), min(result.retry_after, MAX_RETRY_AFTER))
            if self._clock.seconds() + pause > event.happened_at + MAX_EVENT_AGE:
                self._counts.drop(EXPIRED)
                break
            await deferLater(self._clock, pause)
            self._counts.retries += 1
        self._ended(event)

    async def _attempt(self, event: NumberedEvent) -> AttemptResult:
        async with self._slots:
            while (pause := self._paused_until - self._clock.seconds()) > 0:
                await deferLater(self._clock, pause)
            await self._throttle.acquire()
            began = perf_counter_ns()
            result = await self._post(event)
            add(self._counts.attempts, began)
        if result.retry_after and not result.is_success and not result.is_final:
            until = self._clock.seconds() + min(result.retry_after, MAX_RETRY_AFTER)
            self._paused_until = max(self._paused_until, until)
        return result
