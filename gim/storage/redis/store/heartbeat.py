"""The heartbeat: once a second a node renews its lease, and learns of data set, nodes and broadcasts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from secrets import token_bytes, token_hex
from typing import Any

from hiredis import ReplyError
from msgspec import Struct
from twisted.internet.interfaces import IReactorTime

from gim.concurrency.periodic import Periodic
from gim.errors import Unavailable
from gim.log.logger import Logger
from gim.storage.message_ids import FIRST, first_id_of
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.client.protocol import RedisProtocol, Word
from gim.storage.redis.store import scripts
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.retention import Retention

BEAT_INTERVAL = 1.0  # seconds
LEASE_MS = 15_000  # how long a node counts as alive without another beat
CLUSTER_LAG_MS = 10_000  # how long after storing a cluster may announce, differences of clocks included
BROADCAST_KEPT_MS = 60_000  # a node that does not beat for so long misses broadcasts
MAX_BROADCASTS = 100  # kept at a time
LAYOUT = "1"  # of the keys and values; another one is for another version of gim
_READ_ONLY_ERRORS = ("OOM", "MISCONF", "NOREPLICAS")  # from a server that can still be read


class DataSet(Struct, frozen=True):
    """What names a data set."""

    epoch: str
    token_key: bytes
    created_ms: float


class Heartbeat(Periodic):
    """Renews the lease of this node, and notices another data set, new nodes and dead ones."""

    _log = Logger()

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        node: str,
        retention: Retention,
        on_replaced: Callable[[str], None],
        on_beat: Callable[[], None],
        on_broadcast: Callable[[bytes], None],
        counts: Callable[[], bytes],
        clock: IReactorTime,
    ) -> None:
        """*on_replaced* is called with the new epoch when another data set is served, *on_beat* after
        every beat, *on_broadcast* with every broadcast. *counts* returns this node's counts for the
        others."""
        super().__init__(self._beat, BEAT_INTERVAL, clock)
        self.node = node
        self._redis = redis
        self._base = keys.data
        self._retention = retention
        self._on_replaced = on_replaced
        self._on_beat = on_beat
        self._on_broadcast = on_broadcast
        self._counts = counts
        self._clock = clock
        self._last_broadcast = 0  # the number of the last one received
        self._data: DataSet | None = None
        self._alive: frozenset[bytes] = frozenset()  # empty before the first beat with this data set
        self.now_ms = 0.0  # the server's clock at the last beat
        self._beat_at = 0.0  # seconds, our clock at the last beat
        self._back_at_ms = -inf  # the server's clock at the first beat after an outage
        self.newest_seen = FIRST  # the largest message id that this node has seen
        self._stored = FIRST  # the newest message of the last reply to a send

    @property
    def data(self) -> DataSet:
        """The data set served; raises `Unavailable` before there is one."""
        if self._data is None:
            raise Unavailable("the storage was not reached yet: try again in a moment")
        return self._data

    def mark_seen(self, message_id: str) -> None:
        """Note that everything announced up to this id has been handed over."""
        if message_id > self.newest_seen:
            self.newest_seen = message_id

    def answered(self, message_id: str) -> None:
        """Note the reply to sends, with the newest message of it.

        All that was published before the previous reply has been handed over. That of this one may come
        behind it: Redis 7.2 and newer publish to the sender after the reply.
        """
        self.mark_seen(self._stored)
        self._stored = message_id

    def resume_point(self) -> str:
        """Return an id up to which all announcements to this node have been handed over.

        A cluster announces a little after it stores, and its servers have clocks of their own. There the
        point is `CLUSTER_LAG_MS` before now, and `gim.storage.redis.store.dedup` drops repetitions.
        """
        if not self._redis.is_cluster:
            return self.newest_seen
        return first_id_of(self.estimated_now_ms() - CLUSTER_LAG_MS)

    def estimated_now_ms(self) -> int:
        """Return the time by the server's clock, as far as it is known since the last beat."""
        elapsed_ms = max(0.0, self._clock.seconds() - self._beat_at) * 1000
        return int(self.now_ms + elapsed_ms)

    def retention_start(self) -> str:
        """Return the score before which nothing is known of a user who is new.

        It is "0" while the data set is younger than users are kept: none can have been forgotten yet.
        """
        age_ms = self.now_ms - self.data.created_ms
        return str(int(self.now_ms) * 1000) if age_ms > self._retention.users_ms else "0"

    @property
    def alive(self) -> frozenset[bytes]:
        """The nodes that are alive, as of the last beat."""
        return self._alive

    @property
    def knows_the_dead(self) -> bool:
        """Say whether a node without a lease is dead.

        After an outage the other nodes have the time of one lease to show that they are alive.
        """
        return self.now_ms - self._back_at_ms > LEASE_MS

    def is_alive(self, nodes: Iterable[bytes]) -> bool:
        """Say whether any of *nodes* is alive."""
        return not self._alive.isdisjoint(nodes)

    async def is_online(self, nodes: list[bytes]) -> bool:
        """Say whether any of *nodes* is alive, after a beat if none is known to be: it may be new."""
        if nodes and not self.is_alive(nodes):
            await self.beat()
        return self.is_alive(nodes)

    async def know(self, nodes: Iterable[bytes]) -> None:
        """Beat if any of *nodes* is not known to be alive: it may be new."""
        if not self._alive.issuperset(nodes):
            await self.beat()

    async def open(self, connection: RedisProtocol) -> None:
        """Find the data set behind a new connection, or begin one."""
        script = scripts.OPEN
        words = token_hex(8), token_bytes(32), LAYOUT
        self._take_data_set(await connection.call("EVALSHA", script.sha, 1, self._base, *words))
        try:  # before a user logs in here, and before anything is announced
            await self._begin(connection)
        except ReplyError as error:
            if not (self._alive and str(error).startswith(_READ_ONLY_ERRORS)):
                raise

    async def _begin(self, connection: RedisProtocol) -> None:
        words = self._base, *self._beat_words()
        reply = await connection.call("EVALSHA", scripts.BEAT.sha, 1, *words)
        now, _, last, alive, broadcasts, count = reply
        self._take_nodes(float(now), alive)
        if self.newest_seen == FIRST:
            self.newest_seen = last.decode()
        self._take_broadcasts(broadcasts, int(count))

    def _take_data_set(self, reply: list[Any]) -> None:
        epoch, token_key, created, layout, broadcast_count = reply
        if layout != LAYOUT.encode():
            raise Unavailable(f"the keys have layout {layout!r}, this version of gim reads {LAYOUT}")
        before, self._data = self._data, DataSet(epoch.decode(), token_key, float(created))
        if self._data.created_ms > self.now_ms:
            self.now_ms, self._beat_at = self._data.created_ms, self._clock.seconds()
        if before is None or before.epoch != self._data.epoch:
            self._last_broadcast = int(broadcast_count)
        if before is not None and before.epoch != self._data.epoch:
            self._log.warn("Redis has another data set: epoch {epoch}", epoch=self._data.epoch)
            self.newest_seen, self._stored, self._alive = FIRST, FIRST, frozenset()
            self._on_replaced(self._data.epoch)

    async def beat(self) -> None:
        """Renew the lease, and learn the data set, the nodes that are alive, and new broadcasts."""
        reply = await self._redis.run(scripts.BEAT, (self._base,), *self._beat_words())
        now, epoch, last, alive, broadcasts, count = reply
        self._take_nodes(float(now), alive)
        if not self._redis.is_cluster:
            self.mark_seen(last.decode())
        if epoch.decode() != self.data.epoch:
            words = token_hex(8), token_bytes(32), LAYOUT
            self._take_data_set(await self._redis.run(scripts.OPEN, (self._base,), *words))
        else:
            self._take_broadcasts(broadcasts, int(count))

    def _take_broadcasts(self, broadcasts: list[list[bytes]], count: int) -> None:
        """Hand over the broadcasts that no other beat has brought meanwhile.

        A server that took over may have lost the newest ones; it counts on from the *count* it has.
        """
        self._last_broadcast = min(self._last_broadcast, count)
        for number, payload in broadcasts:
            if int(number) > self._last_broadcast:
                self._last_broadcast = int(number)
                self._on_broadcast(payload)

    async def broadcast(self, payload: bytes) -> None:
        """Send a broadcast to all nodes, once to each. Raises `Unavailable` for too many."""
        words = payload, BROADCAST_KEPT_MS, MAX_BROADCASTS
        if await self._redis.run(scripts.BROADCAST, (self._base,), *words) == b"full":
            limit = f"{MAX_BROADCASTS} broadcasts in {BROADCAST_KEPT_MS // 1000} s"
            raise Unavailable(f"there were {limit}, the maximum: try again in a moment")
        await self.beat()

    async def counts(self) -> dict[bytes, bytes]:
        """Return the counts of each node that is alive, by node."""
        await self.beat()
        shown = await self._redis.call(self._base, "HGETALL", f"{self._base}:counts")
        pairs = shown.items() if isinstance(shown, dict) else zip(shown[::2], shown[1::2], strict=True)
        return {node: counts for node, counts in pairs if self.is_alive([node])}

    def _beat_words(self) -> tuple[Word, ...]:
        """Return the arguments of the script `beat`."""
        return self.node, LEASE_MS, self._counts(), self._last_broadcast, BROADCAST_KEPT_MS

    def _take_nodes(self, now_ms: float, alive: list[bytes]) -> None:
        """Note which nodes are alive; just after an outage those that were alive before as well.

        Leases end by the server's clock, which may be set: forward, that is like an outage; back, the
        time since an outage begins anew.
        """
        was_away = self.now_ms > 0 and now_ms - self.now_ms > LEASE_MS
        if was_away and self._alive:
            self._back_at_ms = now_ms
        self._back_at_ms = min(self._back_at_ms, now_ms)
        self._alive = frozenset(alive) | (self._alive if was_away else frozenset())
        self.now_ms, self._beat_at = now_ms, self._clock.seconds()

    async def _beat(self) -> None:
        try:
            await self.beat()
        except Unavailable:  # the link logs that
            return
        self._on_beat()

    async def resign(self) -> None:
        """Give up the lease: connections of this node do not count any more.

        The lease goes last: as long as it is there, another node removes what is left when it ends.
        """
        await self._redis.call(self._base, "HDEL", f"{self._base}:counts", self.node)
        await self._redis.call(self._base, "ZREM", f"{self._base}:nodes", self.node)
