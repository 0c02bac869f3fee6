"""What a node says of a Redis that is set up wrong, busy, or not ready yet."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from tests.support.nodes.cluster_case import PRIVATE, Node, NodesTestCase
from tests.support.redis.environment import until

EVICTING = (
    "Redis may remove chatrooms and messages, as its maxmemory-policy is allkeys-lru: set noeviction"
)


class EvictionTests(NodesTestCase):
    async def test_a_policy_that_removes_keys_is_warned_of(self) -> None:
        server = await self.redis("--maxmemory-policy", "allkeys-lru")
        (node,) = await self.nodes(server.url)
        await node.becomes(200)
        self.assertEqual((await node.request("GET", "/readyz"))[1], {"warnings": [EVICTING]})
        self.assertEqual(node.said.count(f"#warn] {EVICTING}\n"), 1)

    async def test_one_that_is_set_later_is_seen_too(self) -> None:
        server = await self.redis()
        (node,) = await self.nodes(server.url)
        await node.becomes(200)
        self.assertEqual((await node.request("GET", "/readyz"))[1], {})
        self.assertNotIn("maxmemory-policy", node.said)
        await server.do("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
        _, data = await node.request("GET", "/readyz")
        self.assertIn("volatile-ttl", data["warnings"][0])


class NotServingTests(NodesTestCase):
    """Each costs lines, and no traceback."""

    async def test_a_redis_that_is_busy_with_a_script(self) -> None:
        server = await self.redis("--busy-reply-threshold", "50")
        (node,) = await self.nodes(server.url)
        (ann,) = await self.clients((node, "ann"))
        busy = server.do("EVAL", "while true do end", 0)
        endless = Deferred.fromCoroutine(busy)
        endless.addErrback(lambda failure: None)  # it is killed
        await node.becomes(503)
        async with server.connected() as connection:
            await connection.call("CLIENT", "KILL", "TYPE", "pubsub").addErrback(lambda failure: None)
            await until(lambda: self._said(node, "BUSY"), "a line about it")
            await connection.call("SCRIPT", "KILL")
        await endless
        await node.becomes(200)
        await ann.send(PRIVATE, "bob", "hi")
        self.assertNotIn("Traceback", node.said)
        self.assertNotIn("FirstError", node.said)
        self.assertLess(node.said.count("BUSY"), 10)

    async def test_a_redis_that_loads_its_data(self) -> None:
        slowly = ("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
        server = await self.redis(*slowly)
        (node,) = await self.nodes(server.url)
        await node.becomes(200)
        await server.do("EVAL", "for n = 1, 2000 do redis.call('SET', n, 'some text') end", 0)
        await server.do("SAVE")
        restarted = Deferred.fromCoroutine(server.restart())
        await until(lambda: self._said(node, "LOADING"), "a line about it")
        await server.do("CONFIG", "SET", "key-load-delay", "0")
        await restarted
        await node.becomes(200)
        self.assertNotIn("Traceback", node.said)
        self.assertNotIn("FirstError", node.said)
        self.assertLess(node.said.count("LOADING"), 10)

    async def _said(self, node: Node, word: str) -> bool:
        return word in node.said
