"""A storage that is listened to: what happens in it becomes events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gim.model import Sent
from gim.storage.interface import Announcement, Draft, MemberJoined, MemberLeft, Storage
from gim.webhooks import events
from gim.webhooks.event_types import JOINED, LEFT, SENT
from gim.webhooks.events import WebhookEvent
from gim.webhooks.presence_grace import PresenceGrace


class EventEmittingStorage:
    """Has all that a storage has. What is not listened to goes straight to it."""

    def __init__(
        self,
        store: Storage,
        wanted: frozenset[str],
        put: Callable[[WebhookEvent], None],
        presence: PresenceGrace | None,
        now: Callable[[], float],
    ) -> None:
        """*put* takes events of the types *wanted*; without *presence* nobody asks who is online."""
        self._store = store
        self._wanted = wanted
        self._put = put
        self._now = now
        if SENT in wanted:
            self.append = self._append
        if presence is not None:
            self._presence = presence
            self.subscribe_user = self._watch_user
            self.unsubscribe_user = self._unwatch_user
        if wanted & {JOINED, LEFT}:
            store.observe(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def _append(self, draft: Draft) -> Sent:
        sent = await self._store.append(draft)
        self._put(events.sent(draft, sent, self._now()))
        return sent

    async def _watch_user(self, user_id: str) -> None:
        await self._store.subscribe_user(user_id)
        self._presence.came(user_id)

    def _unwatch_user(self, user_id: str) -> None:
        self._store.unsubscribe_user(user_id)
        self._presence.left(user_id)

    def on_announcement(self, news: Announcement) -> None:
        """See `gim.storage.interface.Storage.observe`."""
        if isinstance(news, MemberJoined | MemberLeft):
            event = events.membership(news, self._now())
            if event.type in self._wanted:
                self._put(event)
