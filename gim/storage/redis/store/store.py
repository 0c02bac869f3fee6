"""The Redis store: what several nodes share. docs/redis.md names the keys and what an operation costs."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import msgpack
from msgspec.structs import replace
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from gim.concurrency.clocks import WallClock
from gim.concurrency.gather import gather
from gim.errors import Unavailable
from gim.log.logger import Logger
from gim.model import Counts
from gim.storage.announcements import (
    Announcement,
    Broadcast,
    DataSetReplaced,
    MemberLeft,
    MessageStored,
)
from gim.storage.interface import Listener
from gim.storage.node_names import new_node
from gim.storage.redis.client.eviction import warnings_of
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.client.protocol import RedisProtocol
from gim.storage.redis.client.subscriber import Subscriber
from gim.storage.redis.store import scripts
from gim.storage.redis.store.atomic_writes import AtomicWrites, Writes
from gim.storage.redis.store.chatrooms import RedisChatrooms
from gim.storage.redis.store.cluster_announcements import ClusterAnnouncements
from gim.storage.redis.store.cluster_news import ClusterNews, before_lag
from gim.storage.redis.store.cluster_writes import ClusterWrites
from gim.storage.redis.store.delivery_marks import DeliveryMarks
from gim.storage.redis.store.dismissals import Dismissals
from gim.storage.redis.store.exits import Exits
from gim.storage.redis.store.finding import Finder
from gim.storage.redis.store.heartbeat import BEAT_INTERVAL, CLUSTER_LAG_MS, Heartbeat
from gim.storage.redis.store.inbox import Inbox
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.messages import RedisMessages
from gim.storage.redis.store.moderation import RedisModeration
from gim.storage.redis.store.node_channels import NodeChannels
from gim.storage.redis.store.nodes import RedisNodes, event_of
from gim.storage.redis.store.people import People
from gim.storage.redis.store.presence_refresh import PresenceRefresh
from gim.storage.redis.store.private_sends import PrivateSends
from gim.storage.redis.store.records import news_of
from gim.storage.redis.store.resync import LookUp, Resync
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.retries import WriteRetries
from gim.storage.redis.store.subscriptions import Subscription, Subscriptions
from gim.storage.redis.store.users import RedisUsers
from gim.storage.redis.store.webhook_log import RedisWebhookLog
from gim.storage.rules import REQUEST_IDS_PER_SENDER
from gim.storage.settings import RedisSettings
from gim.storage.storage_limits import StorageLimits

STOP_TIMEOUT = 2.0  # seconds for the last commands when the store stops

Connect = Callable[[Subscriber], Redis]

# What a node pays to subscribe to a chatroom and to end that, one row for 10 us of CPU: 29 us were
# measured, and 160 us on a Cluster, where a GET goes with it.
SUBSCRIPTION_ROWS = 3
CLUSTER_SUBSCRIPTION_ROWS = 16


class RedisStore:
    """Implements `gim.storage.interface.Storage` on a Redis server, several, or a cluster.

    Announcements come on the connection that commands use. If it is lost, the largest id seen on it tells
    what was announced: everything newer is looked up on the next connection.
    """

    subscribes_new_members = False
    outlives_process = True
    scripts = scripts.ALL
    _log = Logger()

    def __init__(
        self,
        connect: Connect,
        clock: IReactorTime,
        wall: WallClock,
        settings: RedisSettings,
        limits: StorageLimits,
        request_ids_per_sender: int = REQUEST_IDS_PER_SENDER,
        overlap_ms: int | None = None,
    ) -> None:
        """*connect* returns the servers.

        *overlap_ms* is for `gim.storage.redis.store.inbox.Inbox`. Its default is `CLUSTER_LAG_MS` on a
        cluster, 0 on a single server.
        """
        retention = Retention(
            round(settings.ttl * 1000),
            settings.max_session_messages,
            settings.sequences,
            limits.rooms,
            request_ids_per_sender,
        )
        self._keys = keys = Keys(settings.redis_prefix)
        self.data_base = keys.data
        self._redis = redis = connect(self)
        if overlap_ms is None:
            overlap_ms = CLUSTER_LAG_MS if redis.is_cluster else 0
        self._clock = clock
        self._listener: Listener | None = None
        self.node = self.listener = new_node(wall)
        # one connection, one script: only where a server forgot its scripts, or set its clock, may an
        # append be overtaken while it is sent again
        self.keeps_order = not redis.is_cluster
        self.rows_per_subscription = CLUSTER_SUBSCRIPTION_ROWS if redis.is_cluster else SUBSCRIPTION_ROWS
        self._served: Deferred[None] = Deferred()  # fires when a connection serves first
        self.heartbeat = heartbeat = Heartbeat(
            redis,
            keys,
            self.node,
            retention,
            self._replaced,
            self._beaten,
            self._broadcast,
            self._counts,
            clock,
        )
        self._retries = WriteRetries(clock)
        self._subscriptions = subscriptions = Subscriptions(keys, clock if redis.is_cluster else None)
        announcements = ClusterAnnouncements(redis, keys, heartbeat, retention, self._retries)
        exits = Exits(redis, keys, retention, self._retries, self._membership_ended)
        self._private = private = PrivateSends(
            redis, keys, heartbeat, retention, subscriptions, self._heard, clock
        )
        writes = _writes(
            redis, keys, heartbeat, retention, announcements, exits, self._retries, private, clock
        )
        people = People(redis, keys, heartbeat, retention)
        self._marks = marks = DeliveryMarks(redis, keys, heartbeat, retention, clock)
        self._inbox = inbox = Inbox(redis, keys, heartbeat, people, marks, retention, overlap_ms)
        self.messages = RedisMessages(
            redis, keys, heartbeat, writes, inbox, marks, retention, limits.send_rate, clock
        )
        finder = Finder(redis)
        self.chatrooms = RedisChatrooms(
            redis, keys, heartbeat, people, writes, subscriptions, retention, finder
        )
        self._resync = Resync(
            redis,
            subscriptions,
            people,
            self.chatrooms,
            self.messages,
            _look_up(redis, heartbeat, inbox, announcements),
            before_lag if redis.is_cluster else str,
            self._announce,
            clock,
        )
        self.users = RedisUsers(
            redis,
            keys,
            heartbeat,
            people,
            subscriptions,
            self.chatrooms,
            self.messages,
            self._resync,
            retention,
            limits.connections,
            finder,
        )
        self._dismissals = dismissals = Dismissals(
            redis, keys, self.chatrooms, exits, self._retries, clock
        )
        self.moderation = RedisModeration(redis, keys, self.chatrooms, exits, retention, dismissals)
        self._node_channels = NodeChannels(redis, keys, self.node, self._announce)
        self.nodes = RedisNodes(redis, keys, heartbeat, self._node_channels, clock)
        self.webhook_log = RedisWebhookLog(redis, keys, heartbeat, subscriptions, retention)
        self._presence_refresh = PresenceRefresh(people, subscriptions, BEAT_INTERVAL)

    async def start(self, listener: Listener) -> None:
        self._listener = listener
        self._redis.start()
        await self._served
        await self._node_channels.subscribe()
        if self._listener is not None:  # it was not stopped meanwhile
            self.heartbeat.startService()

    async def stop(self) -> None:
        self._listener = None
        self.heartbeat.stopService()
        self._resync.stop()
        self._dismissals.stop()
        last = Deferred.fromCoroutine(self._say_goodbye())
        try:
            await last.addTimeout(STOP_TIMEOUT, self._clock)
        except (Unavailable, TimeoutError):  # the lease will run out
            pass
        self._redis.stop()
        self._retries.stop()
        self._has_served()

    def _membership_ended(self, news: MemberLeft) -> None:
        self.chatrooms.membership_changed(news)

    async def _say_goodbye(self) -> None:
        await gather([self._marks.flush(), self._resync.idle(), self.heartbeat.resign()])

    # what the connections tell: see `gim.storage.redis.client.subscriber.Subscriber`

    async def open(self, connection: RedisProtocol) -> None:
        await self.heartbeat.open(connection)

    def bases(self) -> list[str]:
        return [*self._node_channels.bases, *self._subscriptions.bases()]

    def connected(self) -> None:
        self._has_served()
        self._resync.begin()
        self._marks.flush_soon()

    def _has_served(self) -> None:
        if not self._served.called:
            self._served.callback(None)

    def lost(self, bases: list[str]) -> None:
        point = self.heartbeat.resume_point()
        for base in bases:
            if (subscription := self._subscriptions.get(base.encode())) is not None:
                subscription.miss(point)

    def published(self, channel: bytes, payload: bytes) -> None:
        subscription = self._subscriptions.get(channel)
        if subscription is None:
            self._node_channels.published(channel, payload)
            return
        try:
            news = news_of(payload, subscription.user_id)
        except Exception:
            self._log.failure("an announcement on {channel} can't be read", channel=channel)
            return
        if isinstance(news, MessageStored) and not self._redis.is_cluster:
            self.heartbeat.mark_seen(news.message.id)
        self._heard(subscription, news)

    def _heard(self, subscription: Subscription, news: Announcement) -> None:
        if subscription.held is not None:
            subscription.held.append(news)
        elif subscription.recent is None or subscription.recent.is_new(news):
            self._announce(news)

    def dropped(self, channel: bytes) -> None:
        subscription = self._subscriptions.get(channel)
        if subscription is not None:
            subscription.miss(self.heartbeat.resume_point())
            subscription.is_dropped = True
            self._resync.begin()
        else:
            self._node_channels.dropped(channel)

    def _announce(self, news: Announcement) -> None:
        if self._listener is not None:
            self._listener.on_announcement(news)

    def _beaten(self) -> None:
        self._presence_refresh.refresh_some()
        self._dismissals.beaten()

    def _replaced(self, epoch: str) -> None:
        for subscription in self._subscriptions:
            subscription.point, subscription.held = "", None
        self._announce(DataSetReplaced(epoch))

    def _broadcast(self, payload: bytes) -> None:
        try:
            self._announce(Broadcast(event_of(payload)))
        except Exception:
            self._log.failure("a broadcast can't be read")

    def _counts(self) -> bytes:
        counts = self._listener.counts() if self._listener is not None else Counts()
        stored = self.messages.stored + self._private.stored
        return msgpack.encode(replace(counts, messages=stored))

    # the data set

    async def ping(self) -> tuple[str, ...]:
        _, policies = await gather([self.heartbeat.beat(), self._redis.ping()])
        return warnings_of(policies)

    async def epoch(self) -> str:
        return self.heartbeat.data.epoch

    def token_key(self) -> bytes:
        return self.heartbeat.data.token_key


def _look_up(
    redis: Redis, heartbeat: Heartbeat, inbox: Inbox, announcements: ClusterAnnouncements
) -> LookUp:
    if redis.is_cluster:
        return ClusterNews(redis, heartbeat, inbox, announcements).look_up
    return inbox.look_up


def _writes(
    redis: Redis,
    keys: Keys,
    heartbeat: Heartbeat,
    retention: Retention,
    announcements: ClusterAnnouncements,
    exits: Exits,
    retries: WriteRetries,
    private: PrivateSends,
    clock: IReactorTime,
) -> Writes:
    if redis.is_cluster:
        return ClusterWrites(redis, keys, heartbeat, retention, announcements, exits, retries, clock)
    return AtomicWrites(redis, keys, heartbeat, retention, private, clock)
