"""Webhooks of nodes on one Redis: each event is told once, whichever node has the connection or dies."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from gim.storage.redis.store.heartbeat import LEASE_MS
from tests.support.nodes.cluster_case import PRIVATE, SLACK, Node, NodesTestCase
from tests.support.webhooks.receiver import SECRET, Hook, start_hook, verify

GRACE = 0.5  # seconds
COUNTED = ("user.online", "user.offline")


class WebhookNodesTests(NodesTestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.hook: Hook = start_hook(self)
        self.server = await self.durable_redis()
        self.a, self.b = [await self.ready(self.spawn_told()) for _ in range(2)]

    def spawn_told(self):  # type: ignore[no-untyped-def]
        words = ("--redis-url", self.server.url, "--webhook-url", self.hook.url)
        grace = ("--webhook-grace", f"{GRACE * 1000:.0f}ms")
        return self.spawn_node(*words, *grace, GIM_WEBHOOK_SECRET=SECRET)

    def check_all(self) -> None:
        """See that all is signed, told once, and numbered in the order in which it came."""
        self.assertTrue(all(verify(*request) for request in self.hook.requests))
        events = self.hook.events()
        self.assertEqual(len({event["id"] for event in events}), len(events))
        for user_id in {event["user_id"] for event in events}:
            numbers = [event["number"] for event in events if event["user_id"] == user_id]
            self.assertEqual(numbers, sorted(set(numbers)), user_id)

    async def test_who_moves_from_node_to_node_stays_online(self) -> None:
        ann = await self.client(self.a, "ann")
        await self.hook.tells("user.online", "ann")
        ann_too = await self.client(self.b, "ann")
        await ann_too.send(PRIVATE, "bob", "from b")
        await ann.hang_up()
        await deferLater(reactor, 2 * GRACE)  # a finds out that she is still at b
        await self.client(self.a, "bob")
        ann = await self.client(self.a, "ann")
        await ann_too.hang_up()
        await ann.send(PRIVATE, "bob", "from a")
        await ann.hang_up()
        await self.hook.tells("user.offline", "ann")
        of_ann = [event for event, user_id in self.hook.told() if user_id == "ann"]
        expected = ["user.online", "message.sent", "message.sent", "user.offline"]
        self.assertEqual(of_ann, expected)
        self.check_all()

    async def test_users_of_a_node_that_is_killed_or_stopped_go_offline(self) -> None:
        """Only those who are nowhere else, and each once."""
        c = await self.ready(self.spawn_told())
        await self.clients((self.a, "ann"), (self.b, "bob"), (self.b, "ann"), (self.b, "cid"), (c, "dan"))
        for user_id in "ann", "bob", "cid", "dan":
            await self.hook.tells("user.online", user_id)
        await self.b.kill()
        killed = reactor.seconds()
        await self.client(self.a, "cid")  # at another node, while the lease of the old one runs
        await self.check_stop(c)
        patience = killed + LEASE_MS / 1000 + GRACE + 2 + 2 * SLACK - reactor.seconds()
        await self.hook.tells("user.offline", "bob", patience=patience)
        await deferLater(reactor, 1 + 2 * GRACE)  # for who should not
        gone = [user_id for event, user_id in self.hook.told() if event == "user.offline"]
        self.assertEqual(gone, ["dan", "bob"])
        self.assertEqual(len(self.hook.told(*COUNTED)), 6)
        self.check_all()

    async def check_stop(self, node: Node) -> None:
        """See that the users of a node that is stopped are told by another one, soon."""
        stopped = reactor.seconds()
        await node.stop()
        await self.hook.tells("user.offline", "dan", patience=2 + GRACE + 4 * SLACK)
        self.assertGreater(reactor.seconds() - stopped, GRACE)

    async def test_after_all_nodes_ended_the_next_one_tells(self) -> None:
        ann = await self.client(self.a, "ann")
        await self.client(self.b, "bob")
        for user_id in "ann", "bob":
            await self.hook.tells("user.online", user_id)
        stops = [Deferred.fromCoroutine(node.stop()) for node in (self.a, self.b)]  # at once: neither
        await gatherResults(stops)  # takes over the users of the other
        self.assertNotIn("user.offline", [event for event, _ in self.hook.told()])
        c = await self.ready(self.spawn_told())
        await self.client(c, "bob")
        await self.hook.tells("user.offline", ann.user_id)
        self.assertEqual(len(self.hook.told(*COUNTED)), 3)
        self.check_all()
