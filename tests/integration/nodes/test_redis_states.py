"""Redis goes on but forgets, refuses or hangs up, in the middle of traffic."""

from __future__ import annotations

from typing import Any

from tests.support.nodes.cluster_case import ANSWER, PRIVATE, RECOVERY, eventually
from tests.support.nodes.fault_case import FaultCase

DATA_SET_CHANGED = 3009


class LossTests(FaultCase):
    """The data is lost."""

    async def test_redis_started_again_empty(self) -> None:
        before = await self.before()
        self.server.kill()
        await self.server.ended()
        self.server.directory.child("appendonlydir").remove()
        await self.server.start()
        await self.recover(self.a, self.b)
        await self.begin_anew(before)

    async def test_everything_flushed(self) -> None:
        before = await self.before()
        await self.server.do("FLUSHALL")
        await self.begin_anew(before)

    async def before(self) -> dict[str, Any]:
        """Return what ann gets from a login: epoch, token and so on."""
        client = await self.client(self.a)
        return await client.login("ann")

    async def begin_anew(self, before: dict[str, Any]) -> None:
        """See that all are sent away, and that a new login finds another data set, which works."""
        await eventually(lambda: all(client.close_code for client in self.all), "all to be sent away")
        self.assertEqual({client.close_code for client in self.all}, {DATA_SET_CHANGED})
        await self.traffic.stop()
        self.assertLess(self.traffic.slowest, ANSWER)
        await self.become(200, self.a, self.b, patience=RECOVERY)
        for node in (self.a, self.b):
            await self.check_stranger(node, before)
        await self.check_working()

    async def check_stranger(self, node: Any, before: dict[str, Any]) -> None:
        """A device that knows the old data set learns of the new one; its token is no good any more."""
        client = await self.client(node)
        after = await client.login("ann", since="0" * 32, epoch=before["epoch"])
        self.assertNotEqual(after["epoch"], before["epoch"])
        self.assertFalse(after["recovered"])
        await client.hang_up()
        status, _ = await node.request("GET", "/v1/users/ann", before["token"])
        self.assertEqual(status, 401)

    async def check_working(self) -> None:
        ann, bob = await self.clients((self.a, "ann"), (self.b, "bob"))
        page = await bob.ask(203, session_id="2:ann:bob", count=100)
        known = {item["content"] for item in page["items"]}
        self.assertNotIn(self.traffic.letters[0].content, known)
        await ann.send(PRIVATE, "bob", "hi again")
        await eventually(lambda: "hi again" in bob.contents(), "the push at the other node")


class RefusalTests(FaultCase):
    """Redis answers, but not what was asked for."""

    async def test_scripts_forgotten_are_not_noticed_and_connections_killed_made_again(self) -> None:
        for _ in range(3):
            await self.server.do("SCRIPT", "FLUSH")
            await self.traffic.flows(5)
        self.assertEqual(self.traffic.refused, 0)
        for kind in ("normal", "pubsub") * 2:
            await self.server.do("CLIENT", "KILL", "TYPE", kind)
            await self.traffic.flows(5)
        await self.recover(self.a, self.b)
        await self.settle()

    async def test_a_pause_of_all_commands(self) -> None:
        await self.server.do("CLIENT", "PAUSE", 2500, "ALL")
        await self.become(503, self.a, self.b)
        await self.traffic.is_refused()
        await self.server.do("PING")  # it answers when the pause is over
        await self.recover(self.a, self.b)
        account = await self.settle()
        self.assertEqual(account.stored_afterwards(), [])

    async def test_no_memory_for_more(self) -> None:
        await self.server.do("CONFIG", "SET", "maxmemory", 1)
        await self.traffic.is_refused()
        await self.become(503, self.a, self.b)
        await self.server.do("CONFIG", "SET", "maxmemory", 0)
        await self.recover(self.a, self.b)
        await self.settle()
