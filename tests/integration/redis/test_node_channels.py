"""Messages between nodes that share a Redis, and what becomes of them when connections are lost."""

from __future__ import annotations

from typing import Any

from gim.errors import Unavailable
from gim.storage.announcements import NodeMessage
from gim.storage.redis.store.store import RedisStore
from tests.integration.redis.test_store import RedisStoreCase
from tests.support.redis.environment import until
from tests.support.redis.server import SKEW_MISSING, RedisTestCase
from tests.support.redis.shared import shared_cluster, shared_server

PATIENCE = 5.0  # seconds


class NodeChannelTests(RedisStoreCase):
    """Two nodes on one server."""

    skip = RedisTestCase.skip or SKEW_MISSING

    async def setUp(self) -> None:  # type: ignore[override]
        self.server = self.shared()
        prefix = self.id()
        self.a, self.news_of_a = await self.make_store(prefix), self.news
        self.b, self.news_of_b = await self.make_store(prefix), self.news

    def shared(self) -> Any:
        return shared_server()

    async def settle(self) -> None:
        for store in (self.a, self.b) * 2:  # each may wait for what the other one has published
            await store.ping()

    async def test_a_message_reaches_the_node_that_is_named_or_all(self) -> None:
        self.a.nodes.tell(self.b.listener, b"to b")
        self.b.nodes.tell("", b"to all")
        await self.settle()
        self.assertEqual(self.news_of_a, [NodeMessage(self.b.node, b"to all")])
        to_b = {NodeMessage(self.a.node, b"to b"), NodeMessage(self.b.node, b"to all")}
        self.assertEqual((set(self.news_of_b), len(self.news_of_b)), (to_b, 2))

    async def test_the_nodes_that_are_alive_are_known(self) -> None:
        await self.settle()
        both = sorted([self.a.listener, self.b.listener])
        self.assertEqual(await self.a.nodes.listeners(), both)
        await self.b.stop()
        await self.a.ping()
        self.assertEqual(await self.a.nodes.listeners(), [self.a.listener])

    async def test_a_node_hears_again_after_its_connection_was_lost(self) -> None:
        self.drop(self.b)
        self.b.nodes.tell("", b"lost: there is no connection")
        await until(lambda: self.hears(self.b), "the next connection", PATIENCE)
        self.a.nodes.tell(self.b.listener, b"hi")
        self.a.nodes.tell("", b"all")
        await self.settle()
        self.assertEqual([news.body for news in self.news_of_b], [b"hi", b"all"])

    async def test_a_subscription_that_the_server_has_ended_is_made_again(self) -> None:
        for base in self.b._node_channels.bases:
            self.b._redis.unsubscribe(base)
            self.b.dropped(base.encode())
        await until(lambda: self.hears(self.b), "the subscriptions", PATIENCE)
        self.a.nodes.tell(self.b.listener, b"hi")
        await self.settle()
        self.assertEqual([news.body for news in self.news_of_b], [b"hi"])

    def drop(self, store: RedisStore) -> None:
        link: Any = store._redis
        link._link.drop()

    async def hears(self, store: RedisStore) -> bool:
        try:
            await store.ping()
        except Unavailable:
            return False
        return all(map(store._redis.hears, store._node_channels.bases))


class ClusterNodeChannelTests(NodeChannelTests):
    """Two nodes on a Cluster."""

    def shared(self) -> Any:
        return shared_cluster()

    def drop(self, store: RedisStore) -> None:
        servers: Any = store._redis
        for link in servers._links.values():
            link.drop()
