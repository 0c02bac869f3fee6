"""The Redis store: what several nodes share. docs/redis.md names the keys and what an operation costs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from msgspec import msgpack
from msgspec.structs import replace
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from gim.concurrency.gather import gather
from gim.errors import Unavailable
from gim.ids import Session, chatroom_session
from gim.log.logger import Logger
from gim.model import (
    Ban,
    ConnectionState,
    Counts,
    Event,
    Member,
    Message,
    NodeCounts,
    Sent,
    SessionItem,
    User,
    UserState,
)
from gim.storage.interface import (
    Announcement,
    Broadcast,
    ConnectionCommand,
    DataSetReplaced,
    Draft,
    Listener,
    MessageStored,
    Missed,
    Position,
)
from gim.storage.membership_limits import MembershipLimits
from gim.storage.message_ids import first_id_of
from gim.storage.node_names import new_node
from gim.storage.redis.client.interface import Redis, Retention
from gim.storage.redis.client.protocol import RedisProtocol
from gim.storage.redis.client.subscriber import Subscriber
from gim.storage.redis.store import scripts
from gim.storage.redis.store.admin import Admin, event_of
from gim.storage.redis.store.atomic_writes import AtomicWrites, Writes
from gim.storage.redis.store.cluster_writes import ClusterWrites
from gim.storage.redis.store.delivery_marks import DeliveryMarks
from gim.storage.redis.store.heartbeat import EVERY, SLACK, Heartbeat
from gim.storage.redis.store.inbox import Inbox
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.messages import Messages
from gim.storage.redis.store.people import People
from gim.storage.redis.store.presence_refresh import PresenceRefresh
from gim.storage.redis.store.records import news_of, time_of
from gim.storage.redis.store.resync import Resync
from gim.storage.redis.store.retries import WriteRetries
from gim.storage.redis.store.roles import Roles
from gim.storage.redis.store.subscriptions import Subscriptions
from gim.storage.redis.store.webhook_presence import WebhookPresence

PARTING = 2.0  # seconds for the last words to Redis when it stops

Connect = Callable[[Subscriber], Redis]


class RedisStore:
    """Implements `gim.storage.interface.Storage` on a Redis server, several, or a cluster.

    Announcements come on the connection that commands use. So when one is lost, the largest id seen on
    it tells what was announced: all that is newer is looked up when the next connection is there.
    """

    outlives_process = True
    scripts = scripts.ALL
    _log = Logger()

    def __init__(
        self,
        connect: Connect,
        clock: IReactorTime,
        *,
        prefix: str = "gim",
        max_session_messages: int = 10_000,
        ttl: float = 30 * 86400,
        sequences: bool = False,
        rooms: MembershipLimits | None = None,
    ) -> None:
        """*connect* makes the way to the servers; *ttl* is in seconds; *rooms* are no limits unless
        given."""
        limits = Retention(
            round(ttl * 1000), max_session_messages, sequences, rooms or MembershipLimits()
        )
        keys = Keys(prefix)
        self.data_base = keys.data
        redis = connect(self)
        # ms: a cluster may announce what it stored in one session after what it stored later in another
        self.overlap = SLACK if redis.is_cluster else 0
        self._redis, self._keys, self._clock = redis, keys, clock
        self._listener: Listener | None = None
        self.node = new_node(clock)
        self.pulse = Heartbeat(
            redis,
            keys,
            self.node,
            limits,
            self._replaced,
            self._beaten,
            self._said,
            self._counts,
            clock,
        )
        self._repairs = WriteRetries(clock)
        changes = _changes(redis, keys, self.pulse, limits, self._repairs, clock)
        self._people = People(redis, keys, self.pulse, changes, limits)
        self._messages = Messages(redis, keys, self.pulse, changes, limits, clock)
        self._roles = Roles(redis, keys, self._people, limits)
        self._admin = Admin(redis, keys, self.pulse, clock)
        self._marks = DeliveryMarks(redis, keys, self.pulse, limits, clock)
        self._inbox = Inbox(redis, keys, self.pulse, self._people, self._marks, limits)
        self._watches = Subscriptions(keys, clock if redis.is_cluster else None)
        self._events = WebhookPresence(redis, keys, self.pulse, self._watches, limits)
        self._renewal = PresenceRefresh(self._people, self._watches, EVERY)
        self._resync = Resync(
            redis, self._watches, self._people, self._messages, self._inbox, self._announce, clock
        )
        # one connection, one script: only where a server forgot its scripts, or set its clock, may an
        # append be overtaken while it is sent again
        self.keeps_order = not redis.is_cluster
        self._first: Deferred[None] = Deferred()

    async def start(self, listener: Listener) -> None:
        self._listener = listener
        self._redis.start()
        await self._first
        if self._listener is not None:  # it was not stopped meanwhile
            self.pulse.startService()

    async def stop(self) -> None:
        self._listener = None
        self.pulse.stopService()
        self._resync.stop()
        last = Deferred.fromCoroutine(self._say_last())
        try:
            await last.addTimeout(PARTING, self._clock)
        except (Unavailable, TimeoutError):  # the lease will run out
            pass
        self._redis.stop()
        self._repairs.stop()
        self._served()

    async def _say_last(self) -> None:
        await gather([self._marks.flush(), self._resync.idle(), self.pulse.resign()])

    # what the connections tell: see `gim.storage.redis.client.subscriber.Subscriber`

    async def open(self, connection: RedisProtocol) -> None:
        await self.pulse.open(connection)

    def bases(self) -> list[str]:
        return self._watches.bases()

    def connected(self) -> None:
        self._served()
        self._resync.begin()
        self._marks.flush_soon()

    def _served(self) -> None:
        if not self._first.called:
            self._first.callback(None)

    def lost(self, bases: list[str]) -> None:
        point = self.pulse.point()
        for base in bases:
            if (watch := self._watches.get(base.encode())) is not None:
                watch.miss(point)

    def published(self, channel: bytes, payload: bytes) -> None:
        watch = self._watches.get(channel)
        if watch is None:
            return
        try:
            news = news_of(payload, watch.user_id)
        except Exception:
            self._log.failure("an announcement on {channel} can't be read", channel=channel)
            return
        if isinstance(news, MessageStored) and not self._redis.is_cluster:
            self.pulse.saw(news.message.id)
        if watch.held is not None:
            watch.held.append(news)
        elif watch.recent is None or watch.recent.is_new(news):
            self._announce(news)

    def dropped(self, channel: bytes) -> None:
        watch = self._watches.get(channel)
        if watch is not None:
            watch.miss(self.pulse.point())
            watch.is_dropped = True
            self._resync.begin()

    def _announce(self, news: Announcement) -> None:
        if self._listener is not None:
            self._listener.on_announcement(news)

    def _beaten(self) -> None:
        self._renewal.some()

    def _replaced(self, epoch: str) -> None:
        for watch in self._watches:
            watch.point, watch.held = "", None
        self._announce(DataSetReplaced(epoch))

    def _said(self, payload: bytes) -> None:
        try:
            self._announce(Broadcast(event_of(payload)))
        except Exception:
            self._log.failure("what was said to all nodes can't be read")

    def _counts(self) -> bytes:
        counts = self._listener.counts() if self._listener is not None else Counts()
        return msgpack.encode(replace(counts, messages=self._messages.stored))

    # the data set

    async def ping(self) -> None:
        await gather([self.pulse.beat(), self._redis.ping()])

    async def epoch(self) -> str:
        return self.pulse.data.epoch

    async def token_key(self) -> bytes:
        return self.pulse.data.token_key

    # users

    async def put_user(self, user_id: str, name: str | None, hold: bool = False) -> User:
        return await self._people.put(user_id, name)

    async def user(self, user_id: str) -> UserState:
        return await self._people.state(user_id)

    async def subscribe_user(self, user_id: str) -> None:
        watch = self._watches.add_user(user_id)
        await gather([self._redis.subscribe(watch.base), self._people.watch(user_id)])

    def unsubscribe_user(self, user_id: str) -> None:
        base = self._keys.user(user_id)
        if self._watches.remove(base):
            self._redis.unsubscribe(base)
            self._resync.leave(user_id)

    async def subscribe_chatroom(self, chatroom_id: str) -> None:
        await self._redis.subscribe(self._watches.add_chatroom(chatroom_id).base)

    def unsubscribe_chatroom(self, chatroom_id: str) -> None:
        base = self._keys.session(chatroom_session(chatroom_id).id)
        if self._watches.remove(base):
            self._redis.unsubscribe(base)

    # messages and sessions

    def append(self, draft: Draft) -> Coroutine[Any, Any, Sent]:
        return self._messages.append(draft)

    async def history(
        self, session: Session, reader: str, before: str | None, count: int
    ) -> tuple[list[Message], bool]:
        return await self._messages.history(session, reader, before, count)

    async def sessions(
        self, user_id: str, kind: int | None, after: Position | None, count: int
    ) -> tuple[list[SessionItem], Position | None]:
        return await self._inbox.sessions(user_id, kind, after, count)

    async def mark_read(self, session: Session, reader: str, message_id: str) -> int:
        return await self._messages.mark_read(session, reader, message_id)

    async def missed(self, user_id: str, since: str | None, limit: int) -> Missed:
        if since is not None and self.overlap:
            since = first_id_of(time_of(since) - self.overlap)
        return await self._inbox.missed(user_id, since, limit)

    def delivered(self, user_id: str, message_id: str) -> None:
        self._marks.move(user_id, message_id)

    # chatrooms

    async def join(self, chatroom_id: str, user: User, name: str, create_missing: bool = True) -> int:
        return await self._people.join(chatroom_id, user, name, create_missing)

    async def leave(self, chatroom_id: str, user_id: str) -> None:
        await self._people.leave(chatroom_id, user_id)

    async def members(
        self, chatroom_id: str, reader: str, after: str, count: int
    ) -> tuple[list[Member], int, bool]:
        return await self._people.members(chatroom_id, reader, after, count)

    async def chatrooms(self, user_id: str) -> list[str]:
        return await self._people.chatrooms(user_id)

    # roles

    async def create(self, chatroom_id: str, name: str, owner: User | None) -> None:
        await self._roles.create(chatroom_id, name, owner)

    async def rename(self, chatroom_id: str, by: str, name: str) -> None:
        await self._roles.rename(chatroom_id, by, name)

    async def dismiss(self, chatroom_id: str, by: str) -> None:
        await self._roles.dismiss(chatroom_id, by)

    async def remove(self, chatroom_id: str, by: str, user_id: str) -> None:
        await self._roles.remove(chatroom_id, by, user_id)

    async def mute(self, chatroom_id: str, by: str, user_id: str, duration: int) -> int:
        return await self._roles.mute(chatroom_id, by, user_id, duration)

    async def appoint(self, chatroom_id: str, by: str, user_id: str, role: str) -> None:
        await self._roles.appoint(chatroom_id, by, user_id, role)

    async def recall(self, session: Session, by: str, message_id: str) -> None:
        await self._roles.recall(session, by, message_id)

    # users and nodes

    async def ban(self, user_id: str, duration: int, remember: int) -> int:
        return await self._admin.ban(user_id, duration, remember)

    async def unban(self, user_id: str) -> None:
        await self._admin.ban(user_id, 0, 0)

    async def ban_of(self, user_id: str) -> Ban:
        return await self._admin.ban_of(user_id)

    async def order(self, order: ConnectionCommand) -> list[ConnectionState]:
        return await self._admin.order(order)

    def answer(self, order: ConnectionCommand, connections: list[ConnectionState]) -> None:
        self._admin.answer(order, connections)

    async def broadcast(self, event: Event) -> None:
        await self._admin.broadcast(event)

    async def statistics(self) -> list[NodeCounts]:
        return await self._admin.statistics()

    # events

    def observe(self, observer: Listener) -> None:
        self._people.observer = observer

    async def next_event_number(
        self, user_id: str, online: bool | None = None, key: str = ""
    ) -> int | None:
        return await self._events.number(user_id, online, key)

    async def users_to_reannounce(self, limit: int) -> list[str]:
        return await self._events.users_to_reannounce(limit)

    async def settled(self) -> None:
        """Return when all that is done a little later is done."""
        await gather([self._marks.flush(), self._resync.idle()])
        await self.ping()


def _changes(
    redis: Redis,
    keys: Keys,
    pulse: Heartbeat,
    limits: Retention,
    repairs: WriteRetries,
    clock: IReactorTime,
) -> Writes:
    if redis.is_cluster:
        return ClusterWrites(redis, keys, pulse, limits, repairs, clock)
    return AtomicWrites(redis, keys, pulse, limits)
