"""The parent's side of a worker's store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from gim.errors import Unavailable
from gim.ids import session
from gim.link.answering import Answering
from gim.model import Counts, Sent, User
from gim.storage.announcements import Announcement, MemberJoined, MemberLeft
from gim.storage.interface import Draft, Entry, Storage
from gim.storage.linked import calls
from gim.storage.linked.news import EncodedNews
from gim.storage.linked.serving import missed_messages, serve_simple_calls

ENDED_AT_A_TIME = 250  # connections or subscriptions of a worker that has ended, some 1 ms


class StoreServer:
    """Serves a store to one worker, and is its listener.

    The store is a view of the memory store for this worker alone. When the worker has ended, `stop` ends
    what the view has of it: connections and subscriptions.
    """

    def __init__(
        self, store: Storage, channel: Answering, news: EncodedNews, clock: IReactorTime
    ) -> None:
        """The *channel* takes `gim.storage.linked.calls.TO_STORE`. All servers share *news*."""
        self._store = store
        self._channel = channel
        self._send_encoded = channel.send_encoded
        self._encoded = news.encoded
        self._append_draft = store.messages.append
        self._clock = clock
        self._seconds = clock.seconds
        self._connections: Counter[str] = Counter()  # by user
        self._grants = 0
        self._granted: dict[str, int] = {}  # the last grant of each chatroom
        self._is_stopped = False
        serve_simple_calls(store, channel)
        channel.serve(calls.Append, self._append, _appended)
        channel.serve(calls.Enter, self._enter, _same)
        channel.serve(calls.Join, self._join, _same)
        channel.serve(calls.Subscribe, self._subscribe, _same)
        channel.handle(calls.Exit, self._exit)
        channel.handle(calls.Unsubscribe, self._unsubscribe)
        channel.handle(calls.Observe, lambda _: store.chatrooms.observe(_Observer(channel)))

    async def start(self) -> None:
        """Announce to the worker what it subscribes to, and tell it to serve, as soon as the store
        serves."""
        await self._store.start(self)
        if not self._is_stopped:
            self._channel.send(calls.StoreServes(await self._store.epoch()))

    async def stop(self) -> None:
        """End the connections and subscriptions of the worker. May be repeated."""
        self._is_stopped = True
        connections, self._connections = self._connections, Counter()
        for number, user_id in enumerate(connections.elements(), 1):
            self._store.users.exit(user_id)
            if not number % ENDED_AT_A_TIME:
                await deferLater(self._clock, 0)
        while self._granted:
            self._store.chatrooms.unsubscribe(self._granted.popitem()[0])
            if self._granted and not len(self._granted) % ENDED_AT_A_TIME:
                await deferLater(self._clock, 0)
        await self._store.stop()

    # the listener of the store

    def on_announcement(self, news: Announcement) -> None:
        if type(news) is MemberJoined:
            grant = self._grant(news.chatroom_id)
            self._channel.send(calls.MemberJoinedNews(grant, news.user_id, news.chatroom_id))
        else:
            self._send_encoded(self._encoded(news))

    def counts(self) -> Counts:
        return Counts(self._connections.total(), len(self._connections), len(self._granted))

    # messages

    def _append(self, call: calls.Append) -> Coroutine[Any, Any, Sent]:
        if call.answer_by < self._seconds():
            raise _too_late()
        return self._append_draft(
            Draft(
                session(call.session_id),
                User(call.sender_id, call.sender_name),
                call.content,
                call.category,
                call.request_id,
                call.origin,
                call.is_alone,
                call.as_admin,
                call.answer_by,
            )
        )

    # users, and what the worker is subscribed to

    async def _enter(self, call: calls.Enter) -> calls.Entered:
        if call.answer_by < self._seconds():
            raise _too_late()
        entry = Entry(call.user_id, call.name, call.since, call.limit)
        entrance = await self._store.users.enter(entry, _admit)
        if self._is_stopped:
            self._store.users.exit(call.user_id)
            raise Unavailable("this worker has ended")
        self._connections[call.user_id] += 1
        return calls.Entered(
            ask=call.ask,
            grant=self._grant(*entrance.chatroom_ids),
            user=entrance.user,
            chatroom_ids=entrance.chatroom_ids,
            missed=missed_messages(entrance.missed),
        )

    def _exit(self, call: calls.Exit) -> None:
        self._store.users.exit(call.user_id)
        self._connections[call.user_id] -= 1
        if not self._connections[call.user_id]:
            del self._connections[call.user_id]

    async def _join(self, call: calls.Join) -> calls.Granted:
        members = await self._store.chatrooms.join(
            call.chatroom_id, call.user, call.name, call.create_missing
        )
        # a user who is not connected here makes no subscription, which the worker would have to end
        is_here = call.user.id in self._connections
        grant = self._grant(call.chatroom_id) if is_here else self._grants
        return calls.Granted(call.ask, grant, members)

    async def _subscribe(self, call: calls.Subscribe) -> calls.Granted:
        await self._store.chatrooms.subscribe(call.chatroom_id)
        return calls.Granted(call.ask, self._grant(call.chatroom_id))

    def _grant(self, *chatroom_ids: str) -> int:
        self._grants += 1
        self._granted.update(dict.fromkeys(chatroom_ids, self._grants))
        return self._grants

    def _unsubscribe(self, call: calls.Unsubscribe) -> None:
        if self._granted.get(call.chatroom_id, 0) <= call.seen:
            self._granted.pop(call.chatroom_id, None)
            self._store.chatrooms.unsubscribe(call.chatroom_id)


class _Observer:
    """Tells a worker of all memberships that begin or end."""

    def __init__(self, channel: Answering) -> None:
        self._channel = channel

    def on_announcement(self, news: Announcement) -> None:
        if isinstance(news, MemberJoined):
            self._channel.send(calls.Observed(news, None))
        elif isinstance(news, MemberLeft):
            self._channel.send(calls.Observed(None, news))


def _appended(ask: int, sent: Sent) -> calls.Appended:
    return calls.Appended(ask, sent.id, sent.sequence, sent.created_at)


def _same(ask: int, grant: calls.Entered | calls.Granted) -> calls.Entered | calls.Granted:
    return grant


def _admit(chatroom_ids: list[str]) -> None:
    """Refuse no login: the worker does, when it knows the chatrooms."""


def _too_late() -> Unavailable:
    return Unavailable("the server was too slow and nothing was done: try again in a moment")
