"""Delivery: at least once, in order for each user, with pauses that grow when it fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from time import perf_counter_ns

from twisted.internet.defer import DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from gim.concurrency.backoff import Backoff
from gim.metrics.instruments.durations import add
from gim.webhooks.attempt import AT_A_TIME, AttemptResult
from gim.webhooks.counts import EXPIRED, REFUSED, WebhookCounts
from gim.webhooks.events import WebhookEvent
from gim.webhooks.lanes import Lanes
from gim.webhooks.pacing import Pacer

RETRY = Backoff(first=0.5, longest=60.0)
LONGEST_REST = 300.0  # seconds that a Retry-After may ask for
GIVE_UP_AFTER = 900.0  # seconds since it happened until an event is given up


class Delivery:
    """Posts events, `AT_A_TIME` at most; who waits for another attempt holds nobody up but the user's own
    events. A Retry-After holds up all, as it is the receiver's."""

    def __init__(
        self,
        post: Callable[[WebhookEvent], Awaitable[AttemptResult]],
        counts: WebhookCounts,
        ended: Callable[[WebhookEvent], None],
        lost: Callable[[WebhookEvent], None],
        clock: IReactorTime,
    ) -> None:
        """*post* makes an attempt; *ended* hears of each event that is delivered or given up, *lost* of
        one that a fault ended."""
        self._post = post
        self._counts = counts
        self._ended = ended
        self._clock = clock
        self._places = DeferredSemaphore(AT_A_TIME)
        self._pace = Pacer(clock)
        self._rest_until = 0.0
        self._lanes = Lanes(self._deliver, lost)

    def put(self, event: WebhookEvent) -> None:
        """Deliver an event that has been written."""
        self._lanes.put(event)

    def stop(self) -> None:
        """Give up what is not delivered yet."""
        self._lanes.stop()

    async def _deliver(self, event: WebhookEvent) -> None:
        for failures in count(1):
            answer = await self._attempt(event)
            if answer.is_success:
                self._counts.delivered[event.type] += 1
                break
            self._counts.fail(answer.words)
            if answer.is_final:
                self._counts.drop(REFUSED)
                break
            rest = max(RETRY.pause(failures), min(answer.rest, LONGEST_REST))
            if self._clock.seconds() + rest > event.born + GIVE_UP_AFTER:
                self._counts.drop(EXPIRED)
                break
            await deferLater(self._clock, rest)
            self._counts.retries += 1
        self._ended(event)

    async def _attempt(self, event: WebhookEvent) -> AttemptResult:
        async with self._places:
            while (rest := self._rest_until - self._clock.seconds()) > 0:
                await deferLater(self._clock, rest)
            await self._pace.begin()
            began = perf_counter_ns()
            answer = await self._post(event)
            add(self._counts.attempts, began)
        if answer.rest and not answer.is_success and not answer.is_final:
            until = self._clock.seconds() + min(answer.rest, LONGEST_REST)
            self._rest_until = max(self._rest_until, until)
        return answer
