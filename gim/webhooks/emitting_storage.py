"""A storage whose changes become webhook events."""

from __future__ import annotations

from collections.abc import Callable

from gim.concurrency.clocks import Moment
from gim.model import Sent
from gim.storage.announcements import Announcement, MemberJoined, MemberLeft
from gim.storage.interface import Draft, Entrance, Entry, Messages, Storage, Users
from gim.storage.wrapping import WrappedStorage
from gim.webhooks import events
from gim.webhooks.event_types import JOINED, LEFT, SENT
from gim.webhooks.events import WebhookEvent
from gim.webhooks.presence_grace import PresenceGrace


class EventEmittingStorage(WrappedStorage):
    """Offers what *store* does, and puts an event for what is wanted. The rest goes straight to it."""

    def __init__(
        self,
        store: Storage,
        wanted: frozenset[str],
        put: Callable[[WebhookEvent], None],
        presence: PresenceGrace | None,
        now: Callable[[], Moment],
    ) -> None:
        """*put* takes events of the types *wanted*. *presence* is None if none of them needs it."""
        super().__init__(store)
        self._wanted = wanted
        self._put = put
        self._now = now
        if SENT in wanted:
            self.messages = _EmittingMessages(store.messages, put, now)
        if presence is not None:
            self.users = _EmittingUsers(store.users, presence)
        if wanted & {JOINED, LEFT}:
            store.chatrooms.observe(self)

    def on_announcement(self, news: Announcement) -> None:
        """See `gim.storage.interface.MembershipObserver`."""
        if isinstance(news, MemberJoined | MemberLeft):
            event = events.membership(news, self._now())
            if event.type in self._wanted:
                self._put(event)


class _EmittingMessages:
    def __init__(
        self, messages: Messages, put: Callable[[WebhookEvent], None], now: Callable[[], Moment]
    ) -> None:
        self._messages = messages
        self._put = put
        self._now = now
        self.history = messages.history
        self.newest_rank = messages.newest_rank
        self.sessions = messages.sessions
        self.mark_read = messages.mark_read
        self.missed = messages.missed
        self.delivered = messages.delivered

    async def append(self, draft: Draft, /) -> Sent:
        sent = await self._messages.append(draft)
        self._put(events.sent(draft, sent, self._now()))
        return sent

    @property
    def append_at_once(self) -> Callable[[Draft], Sent] | None:
        return self._append_at_once if self._messages.append_at_once is not None else None

    def _append_at_once(self, draft: Draft) -> Sent:
        assert self._messages.append_at_once is not None
        sent = self._messages.append_at_once(draft)
        self._put(events.sent(draft, sent, self._now()))
        return sent


class _EmittingUsers:
    def __init__(self, users: Users, presence: PresenceGrace) -> None:
        self._users = users
        self._presence = presence
        self.put = users.put
        self.get = users.get
        self.find = users.find

    async def enter(self, entry: Entry, admit: Callable[[list[str]], None]) -> Entrance:
        entrance = await self._users.enter(entry, admit)
        self._presence.came(entry.user_id)
        return entrance

    def exit(self, user_id: str) -> bool:
        was_last = self._users.exit(user_id)
        if was_last:
            self._presence.left(user_id)
        return was_last
