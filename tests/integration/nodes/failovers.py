"""More failovers in the middle of traffic, and a Cluster without any: for ``make failover``."""

from __future__ import annotations

from typing import Any

from tests.support.nodes.cluster_case import ANSWER, CHATROOM, PRIVATE, eventually
from tests.support.nodes.failover_case import BusyClusterCase, ClusterCase, SentinelCase
from tests.support.nodes.fault_case import QUICK
from tests.support.nodes.traffic import Sender
from tests.support.redis.environment import until
from tests.support.redis.setups import NAME, stop_acknowledging
from tests.support.redis.setups import Node as Server


class SentinelTests(SentinelCase):
    """A master and its replica under three sentinels."""

    async def test_a_planned_failover_loses_nothing_while_the_old_master_lives_on(self) -> None:
        old = self.servers.master
        await stop_acknowledging(old)  # else it would go on to acknowledge until it is demoted
        await self.servers.sentinels[0].do("SENTINEL", "FAILOVER", NAME)
        await self.move_over()
        await old.do("CONFIG", "RESETSTAT")
        await self.is_left_alone(old)
        await self.settle()

    async def test_the_end_of_one_sentinel_is_not_noticed_and_a_node_starts_without_it(self) -> None:
        dead = self.servers.sentinels[0]
        dead.kill()
        await dead.ended()
        await self.traffic.flows()
        [c] = await self.nodes(self.servers.url, options=QUICK)
        bob = await self.client(c, "bob")
        extra = await self.traffic.send_once(self.all[4], "bob")
        await eventually(lambda: extra.content in bob.contents(), "the push at the new node", ANSWER)
        await self.servers.master.do("CLIENT", "KILL", "TYPE", "normal")
        await self.recover(self.a, self.b, c)
        await self.settle()


class ClusterFailoverTests(BusyClusterCase):
    """Masters of a cluster change."""

    async def test_requests_that_need_no_dead_server_go_on(self) -> None:
        for server in self.servers.servers:
            await server.do("CONFIG", "SET", "cluster-require-full-coverage", "no")
        victim = await self.holder("s:1:den")
        for name in ("gim", "u:ida", "u:ola", "s:2:ida:ola"):
            self.assertIsNot(await self.holder(name), victim, name)
        ida, ola = await self.clients((self.a, "ida"), (self.b, "ola"))
        sender = Sender(ida, [(PRIVATE, "ola")], persists=True)
        await self.fail_over(victim)
        sender.stop()
        await sender.ended
        self.assertEqual((sender.codes, sender.refused), ({0}, 0))
        said = [letter.content for letter in sender.letters]
        await eventually(lambda: len(ola.items()) >= len(said), "the last push")
        self.assertEqual(ola.contents(), said)
        await self.settle()

    async def test_a_planned_failover_of_every_master_loses_nothing(self) -> None:
        for name in ("s:1:den", "s:2:ann:bob", "gim"):
            old = await self.holder(name)
            await (await self.servers.replica_of(old)).do("CLUSTER", "FAILOVER")
            await until(lambda n=name, one=old: self.is_moved(n, one), f"another master for {name}")
            await self.servers.healed()
            await self.recover(self.a, self.b)
            await self.listen_to(*self.watched)
        await self.settle()

    async def is_moved(self, name: str, old: Server) -> bool:
        return await self.holder(name) is not old


class OrdinaryTests(ClusterCase):
    """Two nodes are one server to their users."""

    async def test_messages_cross_nodes_and_slots(self) -> None:
        places = (self.a, "ann"), (self.b, "ann"), (self.b, "bob"), (self.a, "dan")
        ann, ann_too, bob, dan = await self.clients(*places)
        first = await ann.send(PRIVATE, "bob", "hi", request_id="r")
        again = await ann_too.send(PRIVATE, "bob", "hi", request_id="r")
        self.assertEqual(first, again)
        await bob.send(PRIVATE, "ann", "you too")
        for client in (ann, bob, dan):
            await client.ask(301, id="den", name="The den")
        posted = await dan.send(CHATROOM, "den", "all")
        everybody = {
            ann: ["you too", "all"],
            ann_too: ["hi", "you too", "all"],
            bob: ["hi", "all"],
            dan: ["all"],
        }
        for client, contents in everybody.items():
            await eventually(lambda c=client: "all" in c.contents(), "the push of the chatroom")
            await eventually(lambda c=client, n=contents: len(c.items()) >= len(n), "the other pushes")
            self.assertCountEqual(client.contents(), contents)
        for client, session_id, count in ((bob, "2:ann:bob", 2), (ann_too, "1:den", 1)):
            page = await client.ask(203, session_id=session_id)
            self.assertEqual(len(page["items"]), count)
        self.assertEqual(page["items"][0]["id"], posted["id"])

    async def test_sessions_members_and_presence_are_the_same_at_both_nodes(self) -> None:
        ann, bob = await self.clients((self.a, "ann"), (self.b, "bob"))
        for client in (ann, bob):
            await client.ask(301, id="den")
        await ann.send(PRIVATE, "bob", "x")
        await ann.send(CHATROOM, "den", "y")
        token = await self.token(self.a, "bob")
        paths = "/v1/sessions", "/v1/chatrooms/den/members", "/v1/users/ann"
        pages = [await self.same(path, token) for path in paths]
        self.assertEqual([one["id"] for one in pages[0]["items"]], ["1:den", "2:ann:bob"])
        self.assertEqual([one["unread"] for one in pages[0]["items"]], [1, 1])
        people = [
            {"id": "ann", "name": "ann", "online": True, "role": "owner"},
            {"id": "bob", "name": "bob", "online": True, "role": "member"},
        ]
        self.assertEqual(pages[1]["items"], people)
        await ann.hang_up()
        await until(lambda: self.is_offline("ann", token), "the end of ann's presence")

    async def same(self, path: str, token: str) -> Any:
        """Return what both nodes answer."""
        (status, data), other = [await node.request("GET", path, token) for node in (self.a, self.b)]
        self.assertEqual((status, data), other, path)
        self.assertEqual(status, 200, path)
        return data

    async def is_offline(self, user_id: str, token: str) -> bool:
        answers = [await node.request("GET", f"/v1/users/{user_id}", token) for node in (self.a, self.b)]
        return not any(user["online"] for _, user in answers)

    async def test_what_connected_users_need_is_listened_to_where_it_is(self) -> None:
        ann, bob, bob_too = await self.clients((self.a, "ann"), (self.b, "bob"), (self.a, "bob"))
        await self.token(self.a, "eve")  # no connection
        await ann.ask(301, id="den")
        await bob.ask(301, id="hut")
        await self.listen_to("u:ann", "u:bob", "s:1:den", "s:1:hut")
        ports = {port for _, port in await self.channels()}
        self.assertGreater(len(ports), 1)
        await bob.ask(303, id="hut")
        await self.listen_to("u:ann", "u:bob", "s:1:den")
        await ann.ask(103)
        await bob.hang_up()
        await self.listen_to("u:bob")
        await bob_too.hang_up()
        await self.listen_to()
