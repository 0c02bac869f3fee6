"""Two nodes on a Redis Cluster: a master dies, and slots move, in the middle of traffic."""

from __future__ import annotations

from tests.support.nodes.cluster_case import eventually
from tests.support.nodes.failover_case import BusyClusterCase, base
from tests.support.nodes.migration import Migration
from tests.support.redis.setups import Node as Server


class FailoverTests(BusyClusterCase):
    """A master changes: more of it is in ``failovers``."""

    async def test_a_master_is_killed_and_its_replica_takes_over(self) -> None:
        victim = await self.holder("u:cid")
        for name in ("u:dan", "s:2:cid:dan"):  # dan goes on to store messages, and nobody is told
            self.assertIsNot(await self.holder(name), victim, name)
        await self.fail_over(victim)
        self.assertNotIn(victim, [await self.holder(name) for name in self.watched])
        await self.listen_to(*self.watched)
        await victim.restart()  # a replica now
        account = await self.settle()
        halfway = [one for one in self.traffic.letters if not one.id and account.stored(one)]
        self.assertIn("dan", {letter.client.user_id for letter in halfway}, "was repaired")


class MovingTests(BusyClusterCase):
    """Slots move from one master to another."""

    async def test_slots_that_move_lose_and_repeat_nothing(self) -> None:
        target = await self.holder("s:2:ann:bob")
        for name in ("s:1:den", "u:bob"):
            await Migration(self.servers, base(name), self.is_answered).run(
                await self.holder(name), target
            )
        await self.settled_down()
        refused = self.traffic.refused
        self.assertGreater(refused, 0)
        for name in ("s:1:den", "u:bob", "s:2:ann:bob", "gim"):  # at the usual speed nobody notices
            await self.move_on(name)
        await self.settled_down()
        self.assertEqual(self.traffic.refused, refused)
        await self.settle()

    async def is_answered(self) -> None:
        """Let each sender have an answer, of whatever kind, to what was sent from now on."""
        before = [(one, one.acknowledged + one.refused) for one in self.traffic.senders]
        await eventually(
            lambda: all(one.acknowledged + one.refused > count + 1 for one, count in before), "answers"
        )

    async def move_on(self, name: str) -> None:
        """Move a slot to another master."""
        source = await self.holder(name)
        target = next(one for one in await self.masters() if one is not source)
        await Migration(self.servers, base(name)).run(source, target)
        await self.traffic.flows(2)

    async def masters(self) -> list[Server]:
        ports = sorted(set((await self.servers.servers[0].owners()).values()))
        return [self.servers.at(port) for port in ports]

    async def settled_down(self) -> None:
        """Wait until all servers agree, and see that all is listened to where it is now."""
        await self.servers.healed()
        await self.listen_to(*self.watched)
        await self.traffic.flows()
