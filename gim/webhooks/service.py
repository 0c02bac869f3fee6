"""Webhooks as a whole: from what happens to its delivery, without anybody waiting for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater

from gim.errors import Unavailable
from gim.storage.interface import Storage
from gim.webhooks import events
from gim.webhooks.attempt import AttemptResult
from gim.webhooks.counts import FAULT, QUEUE_FULL, STOPPED, STORAGE, WebhookCounts
from gim.webhooks.delivery import GIVE_UP_AFTER, RETRY, Delivery
from gim.webhooks.emitting_storage import EventEmittingStorage
from gim.webhooks.event_types import OFFLINE, ONLINE
from gim.webhooks.events import WebhookEvent
from gim.webhooks.lanes import Lanes
from gim.webhooks.presence_grace import PresenceGrace

QUEUE = 10_000  # events that wait or are on their way, at most
PARTING = 2.0  # seconds for what is queued when gim stops


class Webhooks(MultiService):
    """Events are put into a queue, numbered by the storage at the end of the turn, and delivered."""

    def __init__(
        self,
        storage: Storage,
        wanted: frozenset[str],
        grace: float,
        post: Callable[[WebhookEvent], Awaitable[AttemptResult]],
        clock: IReactorTime,
        close: Callable[[], Deferred[None]] = lambda: succeed(None),
    ) -> None:
        """*wanted* are the types that are told, *post* makes one attempt, *close* ends what it keeps."""
        super().__init__()
        self._wanted = wanted
        self._storage = storage
        self._clock = clock
        self._close = close
        self.counts = WebhookCounts(clock)
        self._presence: PresenceGrace | None = None
        if wanted & {ONLINE, OFFLINE}:
            self._presence = PresenceGrace(storage, grace, self._presence_changed, clock)
            self._presence.setServiceParent(self)
        self._fresh: list[WebhookEvent] = []
        self._soon: IDelayedCall | None = None
        self._numbering = Lanes(self._number, self._drop)
        self._delivery = Delivery(post, self.counts, self._ended, self._drop, clock)
        self._idle: Deferred[None] | None = None  # while it waits for the last events

    def observed(self) -> Storage:
        """Return the storage for all others to use: what happens in it is told."""
        now = self._clock.seconds
        return cast(
            Storage, EventEmittingStorage(self._storage, self._wanted, self.put, self._presence, now)
        )

    def data_lost(self) -> None:
        """Hear that another data set is served."""
        if self._presence is not None:
            self._presence.data_lost()

    def _presence_changed(self, user_id: str, online: bool) -> None:
        event = events.presence(user_id, online, self._clock.seconds())
        event.is_silent = event.type not in self._wanted
        self.put(event)

    def put(self, event: WebhookEvent) -> None:
        """Take an event. Never raises, never waits; when too many wait it is dropped."""
        if not event.is_silent and self.counts.queued >= QUEUE:
            self.counts.drop(QUEUE_FULL)
            if event.online is None:
                return
            event.is_silent = True  # to be recorded all the same
        if not event.is_silent:
            self.counts.queued += 1
        self._fresh.append(event)
        if self._soon is None:
            self._soon = self._clock.callLater(0, self._begin)

    def _begin(self) -> None:
        self._soon = None
        fresh, self._fresh = self._fresh, []
        for event in fresh:
            self._numbering.put(event)

    async def _number(self, event: WebhookEvent) -> None:
        """Number an event, and send it on its way if it is one."""
        try:
            number = await self._ask_until_answered(event)
        except Unavailable:
            self._drop(event, STORAGE)
            return
        if number is None or event.is_silent:
            self._ended(event)
        else:
            event.write(number)
            self._delivery.put(event)

    async def _ask_until_answered(self, event: WebhookEvent) -> int | None:
        """Raises `Unavailable` when the event is too old."""
        failures = 0
        while True:
            try:
                return await self._ask(event)
            except Unavailable:
                failures += 1
                rest = RETRY.pause(failures)
                if self._clock.seconds() + rest > event.born + GIVE_UP_AFTER:
                    raise
            await deferLater(self._clock, rest)

    def _ask(self, event: WebhookEvent) -> Awaitable[int | None]:
        if event.online is None:
            return self._storage.next_event_number(event.user_id)
        return self._storage.next_event_number(event.user_id, event.online, event.id)

    def _drop(self, event: WebhookEvent, reason: str = FAULT) -> None:
        if not event.is_silent:
            self.counts.drop(reason)
        self._ended(event)

    def _ended(self, event: WebhookEvent) -> None:
        if event.is_silent:
            return
        self.counts.queued -= 1
        if self._idle is not None and self.counts.queued == 0 and not self._idle.called:
            self._idle.callback(None)

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        """Give what is queued a moment, then count and say what is left."""
        await maybeDeferred(super().stopService)
        if self._soon is not None:
            self._soon.cancel()
            self._begin()
        if self.counts.queued:
            self._idle = Deferred()
            try:
                await self._idle.addTimeout(PARTING, self._clock)
            except TimeoutError:
                self.counts.drop(STOPPED, self.counts.queued)
        self._numbering.stop()
        self._delivery.stop()
        self.counts.stop()
        await self._close()
