"""Webhooks as a whole: from an event to its delivery. No request waits for either."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater

from gim.concurrency.clocks import Moment, WallClock
from gim.errors import Unavailable
from gim.storage.interface import Storage
from gim.webhooks import events
from gim.webhooks.attempt import AttemptResult
from gim.webhooks.counts import FAULT, QUEUE_FULL, STOPPED, STORAGE, WebhookCounts
from gim.webhooks.delivery import MAX_EVENT_AGE, RETRY, Delivery
from gim.webhooks.emitting_storage import EventEmittingStorage
from gim.webhooks.event_types import OFFLINE, ONLINE
from gim.webhooks.events import NumberedEvent, PresenceChange, WebhookEvent
from gim.webhooks.presence_grace import PresenceGrace
from gim.webhooks.user_queues import UserQueues

MAX_QUEUED_EVENTS = 10_000  # those under way included
STOP_TIMEOUT = 2.0  # seconds for the queued events when gim stops


class Webhooks(MultiService):
    """Queues events, has the storage number them at the end of the iteration, and delivers them."""

    def __init__(
        self,
        storage: Storage,
        wanted: frozenset[str],
        grace: float,
        post: Callable[[NumberedEvent], Awaitable[AttemptResult]],
        clock: IReactorTime,
        wall: WallClock,
        close: Callable[[], Deferred[None]] = lambda: succeed(None),
    ) -> None:
        """*wanted* are the types to deliver; *grace* is in seconds; *post* makes one attempt, and *close*
        closes its connections."""
        super().__init__()
        self._wanted = wanted
        self._storage = storage
        self._webhook_log = storage.webhook_log
        self._clock = clock
        self._wall = wall
        self._close = close
        self.counts = WebhookCounts(clock)
        self._presence: PresenceGrace | None = None
        if wanted & {ONLINE, OFFLINE}:
            self._presence = PresenceGrace(storage, grace, self._presence_changed, clock)
            self._presence.setServiceParent(self)
        self._new: list[WebhookEvent] = []  # of this iteration
        self._soon: IDelayedCall | None = None
        self._numbering = UserQueues(self._number, self._drop)
        self._delivery = Delivery(post, self.counts, self._ended, self._drop, clock)
        self._idle: Deferred[None] | None = None  # fires when the queue is empty at the stop

    def observed(self, storage: Storage) -> Storage:
        """Return a storage that puts its events here; all others use it in place of the plain one.

        *storage* is that of these webhooks, or one that shares its data.
        """
        return EventEmittingStorage(storage, self._wanted, self.put, self._presence, self._now)

    def _now(self) -> Moment:
        return Moment.now(self._clock, self._wall)

    def data_lost(self) -> None:
        """Called when the storage serves another data set."""
        if self._presence is not None:
            self._presence.data_lost()

    def _presence_changed(self, user_id: str, online: bool) -> None:
        event = events.presence(user_id, online, self._now())
        self.put(event if event.type in self._wanted else event.silenced())

    def put(self, event: WebhookEvent) -> None:
        """Queue an event. Never raises, never waits; if the queue is full the event is dropped."""
        if not _is_silent(event) and self.counts.queued >= MAX_QUEUED_EVENTS:
            self.counts.drop(QUEUE_FULL)
            if not isinstance(event, PresenceChange):
                return
            event = event.silenced()  # the storage still records it
        if not _is_silent(event):
            self.counts.queued += 1
        self._new.append(event)
        if self._soon is None:
            self._soon = self._clock.callLater(0, self._begin)

    def _begin(self) -> None:
        self._soon = None
        new, self._new = self._new, []
        for event in new:
            self._numbering.put(event)

    async def _number(self, event: WebhookEvent) -> None:
        """Have an event numbered and delivered, unless the storage knows it already."""
        try:
            number = await self._number_of(event)
        except Unavailable:
            self._drop(event, STORAGE)
            return
        if number is None or _is_silent(event):
            self._ended(event)
        else:
            self._delivery.put(event.numbered(number))

    async def _number_of(self, event: WebhookEvent) -> int | None:
        """Return the number from the storage, None for a change of presence that it knows already. Tries
        again until the event is too old, then raises `Unavailable`."""
        failures = 0
        while True:
            try:
                return await self._ask_for_number(event)
            except Unavailable:
                failures += 1
                pause = RETRY.pause(failures)
                if self._clock.seconds() + pause > event.happened.at + MAX_EVENT_AGE:
                    raise
            await deferLater(self._clock, pause)

    def _ask_for_number(self, event: WebhookEvent) -> Awaitable[int | None]:
        if isinstance(event, PresenceChange):
            return self._webhook_log.next_event_number(event.user_id, event.online, event.id)
        return self._webhook_log.next_event_number(event.user_id)

    def _drop(self, event: WebhookEvent | NumberedEvent, reason: str = FAULT) -> None:
        if not _is_silent(event):
            self.counts.drop(reason)
        self._ended(event)

    def _ended(self, event: WebhookEvent | NumberedEvent) -> None:
        if _is_silent(event):
            return
        self.counts.queued -= 1
        if self._idle is not None and self.counts.queued == 0 and not self._idle.called:
            self._idle.callback(None)

    def oldest_age(self) -> float:
        """Return the seconds since the oldest event happened that waits, 0 if none does."""
        times = [event.happened_at for event in self._delivery.firsts()]
        times += [event.happened.at for event in self._numbering.firsts() if not _is_silent(event)]
        now = self._clock.seconds()
        return now - min(times, default=now)

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        """Wait a moment for the queued events, then count and log the rest as dropped."""
        await maybeDeferred(super().stopService)
        if self._soon is not None:
            self._soon.cancel()
            self._begin()
        if self.counts.queued:
            self._idle = Deferred()
            try:
                await self._idle.addTimeout(STOP_TIMEOUT, self._clock)
            except TimeoutError:
                self.counts.drop(STOPPED, self.counts.queued)
        self._numbering.stop()
        self._delivery.stop()
        self.counts.stop()
        await self._close()


def _is_silent(event: WebhookEvent | NumberedEvent) -> bool:
    return isinstance(event, PresenceChange) and event.is_silent
