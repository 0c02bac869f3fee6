"""A node is killed or hangs, in the middle of traffic."""

from __future__ import annotations

from twisted.internet import reactor

from tests.support.nodes.account import Account
from tests.support.nodes.client import Client
from tests.support.nodes.cluster_case import ANSWER, eventually
from tests.support.nodes.fault_case import QUICK, FaultCase
from tests.support.redis.environment import until

FROZEN = 3.0  # seconds
OFFLINE = 30.0  # seconds until users of a dead node count as offline


class NodeFaultTests(FaultCase):
    """What happens to one node is nothing to those at node a."""

    async def test_a_killed_node_loses_nothing_and_its_users_go_offline(self) -> None:
        """Another node, in its place, freezes and thaws while its lease runs out."""
        epoch = (await (await self.client(self.a)).login("eve"))["epoch"]
        token = await self.token(self.a, "eve")
        await self.b.kill()
        killed = reactor.seconds()
        await eventually(lambda: all(one.close_code for one in self.clients_of(self.b)), "the loss")
        account = await self.settle(gone=[self.b])
        for old in self.clients_of(self.b):
            await self.come_back(old, epoch, account)
        await self.freeze_another()
        patience = killed + OFFLINE - reactor.seconds()
        await until(lambda: self.is_offline(token, "cid"), "cid to be offline", patience)
        self.assertFalse(await self.is_offline(token, "dan"))

    async def freeze_another(self) -> None:
        """See that a node that hangs for a while is nothing to the others, and gets all afterwards."""
        [c] = await self.nodes(self.server.url, options=QUICK)
        await self.talk(self.a, c, "fay", "gus", "hal", "ida", room="hut")
        began = reactor.seconds()
        c.freeze()
        await self.traffic_flows_at_a()
        await self.elapse(FROZEN, since=began)
        c.thaw()
        await self.recover(c)
        await self.settle(answer=FROZEN + ANSWER)

    async def traffic_flows_at_a(self) -> None:
        some = [(sender, sender.acknowledged + 20) for sender in self.traffic.senders[::3]]
        await eventually(lambda: all(one.acknowledged > n for one, n in some), "traffic at node a")

    async def come_back(self, old: Client, epoch: str, account: Account) -> None:
        """See that a device that logs in at the other node gets all that it lacks, each once."""
        had = [item["id"] for item in old.items() if item["session_id"].startswith("2:")]
        new = await self.client(self.a)
        answer = await new.login(old.user_id, since=had[-1], epoch=epoch)
        await eventually(lambda: len(new.items()) == answer["missed"], "what was missed")
        own = account.said_by(old)  # which it gets now, as it asks for all
        got = had + [item["id"] for item in new.items() if item["content"] not in own]
        self.assertEqual(sorted(got), sorted(account.private_to(old)))
        self.assertTrue(answer["recovered"])
        await new.hang_up()

    async def is_offline(self, token: str, user_id: str) -> bool:
        _, user = await self.a.request("GET", f"/v1/users/{user_id}", token)
        return not (user and user["online"])
