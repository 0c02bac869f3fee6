"""Two nodes on a Redis Cluster whose people, sessions and chatrooms are on different servers."""

from __future__ import annotations

from typing import Any

from tests.nodes.cluster_case import CHATROOM, PRIVATE, eventually
from tests.nodes.failover_sentinel import FailoverCase
from tests.nodes.traffic import Sender
from tests.redis.machine import HOST, PATIENCE, until
from tests.redis.setups import Node as Server


def base(name: str) -> str:
    """Return the channel of ``u:ann`` or ``s:1:den``, which names their hash slot as well."""
    return f"gim:{{{name}}}"


class ClusterCase(FailoverCase):
    """Has a cluster of three masters with a replica each."""

    async def setUp(self) -> None:
        self.servers = await self.cluster()
        await self.begin(self.servers.url)

    async def holder(self, name: str) -> Server:
        return await self.servers.master_of(base(name))

    async def listen_to(self, *names: str) -> None:
        """Wait until the nodes listen to just these, each on the server that holds its slot."""
        wanted = {(base(name), (await self.holder(name)).port) for name in names}
        heard: set[tuple[str, int]] = set()

        async def check() -> bool:
            nonlocal heard
            heard = await self.channels()
            return heard == wanted

        try:
            await until(check, "the channels")
        except AssertionError:
            self.assertEqual(heard, wanted)

    async def channels(self) -> set[tuple[str, int]]:
        """Return the channels with subscribers, and the ports where they have them."""
        return {
            (channel.decode(), server.port)
            for server in self.servers.well()
            for channel in await server.do("PUBSUB", "SHARDCHANNELS")
        }


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
            {"id": "ann", "name": "ann", "online": True},
            {"id": "bob", "name": "bob", "online": True},
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


class FaultTests(ClusterCase):
    """A server dies, or slots move, in the middle of traffic."""

    async def setUp(self) -> None:
        await super().setUp()
        await self.talk(self.a, self.b, "ann", "bob", "cid", "dan")
        self.watched = [f"u:{name}" for name in ("ann", "bob", "cid", "dan")] + ["s:1:den"]

    async def test_a_master_is_killed_and_its_replica_takes_over(self) -> None:
        victim = await self.holder("s:1:den")
        affected = [name for name in self.watched if await self.holder(name) is victim]
        self.assertIn(len(affected), range(2, len(self.watched)))
        await self.fail_over(victim)
        self.assertNotIn(victim, [await self.holder(name) for name in affected])
        await self.listen_to(*self.watched)
        await victim.restart()  # a replica now
        await self.traffic.flows()
        await self.settle()

    async def fail_over(self, victim: Server) -> None:
        await self.stop_acknowledging(victim)
        victim.kill()
        await self.traffic.is_refused()
        await self.servers.healed()
        await self.recover(self.a, self.b)
        await self.traffic.flows()

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

    async def test_slots_that_move_lose_and_repeat_nothing(self) -> None:
        for name in ("s:1:den", "s:2:ann:bob", "u:bob"):
            await Migration(self, name).run()
        await self.servers.healed()
        await self.traffic.flows()
        await self.listen_to("u:ann", "u:bob", "u:cid", "u:dan", "s:1:den")
        await self.settle()


class Migration:
    """A slot that moves to the next master, as ``redis-cli --cluster reshard`` does it, but slower."""

    def __init__(self, case: FaultTests, name: str) -> None:
        self._case = case
        self._name = name

    async def run(self) -> None:
        """Move it; the traffic goes on, and meets every state that there is."""
        servers = self._case.servers
        self._slot = await servers.servers[0].do("CLUSTER", "KEYSLOT", base(self._name))
        source = await self._case.holder(self._name)
        masters = {(await servers.master_of(base(name))) for name in self._case.watched}
        target = min((one for one in masters if one is not source), key=lambda one: one.port)
        await self._mark(source, target)
        await self._go_on()
        while await self._move_one(source, target):
            await self._go_on()
        target_id = await target.do("CLUSTER", "MYID")
        for server in (target, source):
            await server.do("CLUSTER", "SETSLOT", self._slot, "NODE", target_id)
            await self._go_on()

    async def _mark(self, source: Server, target: Server) -> None:
        ids = [await server.do("CLUSTER", "MYID") for server in (source, target)]
        await target.do("CLUSTER", "SETSLOT", self._slot, "IMPORTING", ids[0])
        await source.do("CLUSTER", "SETSLOT", self._slot, "MIGRATING", ids[1])

    async def _move_one(self, source: Server, target: Server) -> bool:
        """Move a key; say if there was one."""
        keys = await source.do("CLUSTER", "GETKEYSINSLOT", self._slot, 1)
        if keys:
            milliseconds = round(PATIENCE * 1000)
            await source.do("MIGRATE", HOST, target.port, "", 0, milliseconds, "KEYS", *keys)
        return bool(keys)

    async def _go_on(self) -> None:
        """Let each sender have an answer, of whatever kind."""
        senders = self._case.traffic.senders
        before = [(sender, sender.acknowledged + sender.refused) for sender in senders]
        await eventually(
            lambda: all(one.acknowledged + one.refused > count for one, count in before), "an answer"
        )
