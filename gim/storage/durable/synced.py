"""A store that shows only what is on the disk, for ``--sync always``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from gim.errors import GimError
from gim.journal.syncing import Syncing
from gim.model import Counts, User
from gim.storage.announcements import Announcement, MemberJoined
from gim.storage.interface import (
    Chatrooms,
    Entrance,
    Entry,
    Listener,
    MembershipObserver,
    Messages,
    Moderation,
    Nodes,
    Storage,
    Users,
    WebhookLog,
)
from gim.storage.wrapping import WrappedStorage

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class SyncedStorage(WrappedStorage):
    """Offers what *store* does, and holds its results and announcements until what was written before
    them is synced.

    That goes for reads and refusals, too: they must not show what a power cut could take back. All keep
    their order: an announcement that was made before a result comes before it. *store* itself stores in
    the order of the calls, and nothing in it waits. Webhooks and metrics wrap this storage.
    """

    def __init__(self, store: Storage, syncing: Syncing) -> None:
        super().__init__(store)
        self._store = store
        self._syncing = syncing
        self._subscriptions = subscriptions = HeldSubscriptions()
        self.users = _SyncedUsers(store.users, syncing, subscriptions)
        self.messages = _SyncedMessages(store.messages, syncing)
        self.chatrooms = _SyncedChatrooms(store.chatrooms, syncing, subscriptions)
        self.moderation = _SyncedModeration(store.moderation, syncing)
        self.nodes = _SyncedNodes(store.nodes, syncing)
        self.webhook_log = _SyncedWebhookLog(store.webhook_log, syncing)
        self.ping = held(syncing, store.ping)
        self.start = self._start
        self.stop = self._stop
        self._listener: _HeldListener | None = None

    async def _start(self, listener: Listener) -> None:
        self._listener = _HeldListener(listener, self._syncing, self._subscriptions)
        await self._store.start(self._listener)

    async def _stop(self) -> None:
        if self._listener is not None:
            self._listener.stop()
        for chatroom_id in self._subscriptions.chatroom_ids:
            self._store.chatrooms.unsubscribe(chatroom_id)
        await self._store.stop()


def held(syncing: Syncing, call: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Return *call* with each of its results held until what was written before it is synced."""
    unsynced, calls, synced = syncing.unsynced, syncing.held.calls, syncing.synced

    async def held(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            result = await call(*args, **kwargs)
        except GimError:
            if unsynced or calls:
                await synced()
            raise
        if unsynced or calls:
            await synced()
        return result

    return held


def held_call(syncing: Syncing, call: Callable[[T], object]) -> Callable[[T], None]:
    """Return *call* with each of its calls held until what was written before it is synced.

    For what goes out to a worker: it costs a tenth of holding the results of the store there. The store
    is not in a `SyncedStorage` then.
    """
    unsynced, calls, hold = syncing.unsynced, syncing.held.calls, syncing.hold

    def held(argument: T) -> None:
        if unsynced or calls:
            hold(call, argument)
        else:
            call(argument)

    return held


class HeldSubscriptions:
    """Chatrooms that the store has subscribed the listener to, while the news of that is held.

    Until the listener hears of it, it may ask to end the subscription that it had before, or thinks to
    have. That must not end the new one, which it relies on once it knows.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    @property
    def chatroom_ids(self) -> list[str]:
        return list(self._counts)

    def __contains__(self, chatroom_id: str) -> bool:
        return chatroom_id in self._counts

    def begin(self, chatroom_ids: Iterable[str]) -> None:
        self._counts.update(chatroom_ids)

    def end(self, chatroom_ids: Iterable[str]) -> None:
        for chatroom_id in chatroom_ids:
            self._counts[chatroom_id] -= 1
            if not self._counts[chatroom_id]:
                del self._counts[chatroom_id]

    @contextmanager
    def during(self, chatroom_ids: Iterable[str]) -> Iterator[None]:
        """Within, the news is held."""
        self.begin(chatroom_ids)
        try:
            yield
        finally:
            self.end(chatroom_ids)


class _HeldListener:
    def __init__(self, listener: Listener, syncing: Syncing, subscriptions: HeldSubscriptions) -> None:
        self._announce = listener.on_announcement
        self._counts = listener.counts
        self._unsynced, self._calls, self._hold = syncing.unsynced, syncing.held.calls, syncing.hold
        self._subscriptions = subscriptions

    def on_announcement(self, news: Announcement) -> None:
        if not self._unsynced and not self._calls:
            self._announce(news)
        elif type(news) is MemberJoined:
            self._subscriptions.begin((news.chatroom_id,))
            self._hold(self._announce_member, news)
        else:
            self._hold(self._announce_held, news)

    def _announce_held(self, news: Announcement) -> None:
        self._announce(news)

    def _announce_member(self, news: MemberJoined) -> None:
        self._subscriptions.end((news.chatroom_id,))  # first: the listener may end the subscription now
        self._announce(news)

    def counts(self) -> Counts:
        return self._counts()

    def stop(self) -> None:
        """Drop what is held."""
        self._announce = _to_no_one


def _to_no_one(news: Announcement) -> None:
    pass


class _HeldObserver:
    def __init__(self, observer: MembershipObserver, syncing: Syncing) -> None:
        self.on_announcement = held_call(syncing, observer.on_announcement)


class _SyncedUsers:
    def __init__(self, users: Users, syncing: Syncing, subscriptions: HeldSubscriptions) -> None:
        self._users = users
        self._synced = syncing.synced
        self._subscriptions = subscriptions
        self.put = held(syncing, users.put)
        self.get = held(syncing, users.get)
        self.find = held(syncing, users.find)
        self.exit = users.exit

    async def enter(self, entry: Entry, admit: Callable[[list[str]], None]) -> Entrance:
        try:
            entrance = await self._users.enter(entry, admit)
        except GimError:
            await self._synced()
            raise
        with self._subscriptions.during(entrance.chatroom_ids):
            try:
                await self._synced()
            except BaseException:
                self._users.exit(entry.user_id)
                raise
        return entrance


class _SyncedMessages:
    append_at_once = None

    def __init__(self, messages: Messages, syncing: Syncing) -> None:
        self.append = held(syncing, messages.append)
        self.history = held(syncing, messages.history)
        self.newest_rank = messages.newest_rank
        self.sessions = held(syncing, messages.sessions)
        self.mark_read = held(syncing, messages.mark_read)
        self.missed = held(syncing, messages.missed)
        self.delivered = messages.delivered


class _SyncedChatrooms:
    def __init__(self, chatrooms: Chatrooms, syncing: Syncing, subscriptions: HeldSubscriptions) -> None:
        self._chatrooms = chatrooms
        self._syncing = syncing
        self._subscriptions = subscriptions
        self._join = held(syncing, chatrooms.join)
        self._subscribe = held(syncing, chatrooms.subscribe)
        self.create = held(syncing, chatrooms.create)
        self.leave = held(syncing, chatrooms.leave)
        self.members = held(syncing, chatrooms.members)
        self.get = held(syncing, chatrooms.get)
        self.find = held(syncing, chatrooms.find)
        self.of_user = held(syncing, chatrooms.of_user)

    async def join(self, chatroom_id: str, user: User, name: str, create_missing: bool = True) -> int:
        with self._subscriptions.during((chatroom_id,)):
            return await self._join(chatroom_id, user, name, create_missing)

    async def subscribe(self, chatroom_id: str) -> None:
        with self._subscriptions.during((chatroom_id,)):
            await self._subscribe(chatroom_id)

    def unsubscribe(self, chatroom_id: str) -> None:
        if chatroom_id not in self._subscriptions:
            self._chatrooms.unsubscribe(chatroom_id)

    def observe(self, observer: MembershipObserver) -> None:
        self._chatrooms.observe(_HeldObserver(observer, self._syncing))


class _SyncedModeration:
    def __init__(self, moderation: Moderation, syncing: Syncing) -> None:
        self.rename = held(syncing, moderation.rename)
        self.dismiss = held(syncing, moderation.dismiss)
        self.remove = held(syncing, moderation.remove)
        self.mute = held(syncing, moderation.mute)
        self.appoint = held(syncing, moderation.appoint)
        self.recall = held(syncing, moderation.recall)
        self.ban = held(syncing, moderation.ban)
        self.unban = held(syncing, moderation.unban)
        self.ban_of = held(syncing, moderation.ban_of)


class _SyncedNodes:
    def __init__(self, nodes: Nodes, syncing: Syncing) -> None:
        self.command_connections = held(syncing, nodes.command_connections)
        self.reply_to_command = nodes.reply_to_command
        self.broadcast = held(syncing, nodes.broadcast)
        self.statistics = held(syncing, nodes.statistics)
        self.tell = nodes.tell
        self.listeners = held(syncing, nodes.listeners)


class _SyncedWebhookLog:
    def __init__(self, webhook_log: WebhookLog, syncing: Syncing) -> None:
        self.next_event_number = held(syncing, webhook_log.next_event_number)
        self.users_to_reannounce = held(syncing, webhook_log.users_to_reannounce)
