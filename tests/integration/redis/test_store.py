"""The Redis store: the behaviour of every storage, on a real server whose clock can be moved."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor

from gim.storage.interface import Storage
from gim.storage.redis.client.connect import connect
from gim.storage.redis.client.url import read
from gim.storage.redis.store import batches, dismissals, message_reads, reading
from gim.storage.redis.store.heartbeat import CLUSTER_LAG_MS
from gim.storage.redis.store.store import RedisStore
from tests.support.redis.server import SKEW_MISSING, RedisTestCase
from tests.support.redis.settling import settled
from tests.support.redis.shared import shared_cluster, shared_server
from tests.support.settings import redis_store
from tests.support.storage_behaviour.base import RecordingListener, contents, private, send
from tests.support.storage_behaviour.suite import StorageBehaviour


class RedisStoreCase(RedisTestCase):
    """Stores on a server of the test's own; each has a prefix of its own.

    Replies are small, so that a few dozen messages or members take several.
    """

    made = 0
    server: Any  # a `RedisServer`, or one that all tests share

    async def setUp(self) -> None:  # type: ignore[override]
        self.server = await self.redis(skewed=True)
        self.make_replies_small()

    def make_replies_small(self) -> None:
        self.patch(message_reads, "IDS_PER_REPLY", 8)
        self.patch(message_reads, "MESSAGES_PER_PAGE", 5)
        self.patch(reading, "BYTES_PER_REPLY", 1000)
        self.patch(dismissals, "MEMBERS_AT_A_TIME", 20)
        self.patch(batches, "BASES_PER_SCRIPT", 2)

    async def make_store(self, prefix: str | None = None, **limits: Any) -> RedisStore:
        self.made += 1
        target = read(self.url())
        self.store = redis_store(
            connect(target, reactor), reactor, prefix=prefix or f"{self.id()}{self.made}", **limits
        )
        self.addCleanup(self.end, self.store)
        self.listener = RecordingListener(self.store)
        self.news = self.listener.news
        await self.store.start(self.listener)
        return self.store

    def url(self) -> str:
        return self.server.url

    async def end(self, store: RedisStore) -> None:
        await store.stop()

    async def advance(self, seconds: float) -> None:
        self.server.advance(seconds)
        await self.store.ping()
        await self.store._redis.measure(self.store.data_base)

    async def let_be_forgotten(self) -> None:
        await self.settle()
        await self.advance(32 * 86_400)  # a message may be kept for 30 days, a user for one more

    async def lose_data(self, store: Storage) -> Storage:
        await self.store._redis.call(self.store.data_base, "FLUSHALL")
        await store.ping()
        return store

    async def settle(self) -> None:
        await settled(self.store)


class RedisBehaviourTests(RedisStoreCase, StorageBehaviour):
    """The behaviour of every storage, on one server."""

    skip = RedisTestCase.skip or SKEW_MISSING

    async def setUp(self) -> None:  # type: ignore[override]
        self.server = shared_server()  # each store has a prefix of its own
        self.make_replies_small()


class ClusterBehaviourTests(RedisStoreCase, StorageBehaviour):
    """The behaviour of every storage, on a cluster of one server: it refuses commands on two slots."""

    skip = RedisTestCase.skip or SKEW_MISSING

    async def setUp(self) -> None:  # type: ignore[override]
        self.server = shared_cluster()
        self.make_replies_small()

    async def make_store(self, prefix: str | None = None, **limits: Any) -> RedisStore:
        limits.setdefault("overlap_ms", 0)  # the same messages as elsewhere, and no others
        return await super().make_store(prefix, **limits)

    async def test_what_was_stored_shortly_before_a_point_comes_again(self) -> None:
        store = await self.make_store(overlap_ms=CLUSTER_LAG_MS)
        await send(store, private("bob", "ann", "long ago"))
        await self.advance(CLUSTER_LAG_MS / 1000 + 1)
        *_, last = await send(store, *(private(peer, "ann", peer) for peer in ("bob", "cat", "dan")))
        missed = await store.messages.missed("ann", last.id, 1000)
        self.assertEqual((contents(missed.messages), missed.complete), (["bob", "cat", "dan"], True))
