"""Nodes on several servers as one, whose masters change in the middle of traffic."""

from __future__ import annotations

import re

from tests.support.nodes.cluster_case import NodesTestCase
from tests.support.nodes.fault_case import QUICK, FaultCase
from tests.support.redis.environment import until
from tests.support.redis.server import RedisServer
from tests.support.redis.setups import Node as Server
from tests.support.redis.setups import SetupTestCase, stop_acknowledging

# on which nodes ask each other what they see
BETWEEN_NODES = re.compile(rb"gim:\{(gim|n:[0-9a-f]+)\}")


class FailoverCase(FaultCase, SetupTestCase):
    """Has nodes ``a`` and ``b`` on a setup of several servers."""

    timeout = 120

    async def begin(self, url: str) -> None:
        """Take the place of `FaultCase.setUp`, which has one server."""
        NodesTestCase.setUp(self)
        self.a, self.b = await self.nodes(url, url, options=QUICK)


class SentinelCase(FailoverCase):
    """Has a master, its replica and three sentinels, and ``traffic`` that flows."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.servers = await self.sentinels()
        await self.servers.elect_at_once()
        await self.begin(self.servers.url)
        await self.talk(self.a, self.b, "ann", "bob", "cid", "dan")

    async def move_over(self) -> None:
        """See that the nodes serve again by themselves once there is another master."""
        await self.servers.promoted()
        await self.recover(self.a, self.b)
        await self.traffic.flows()

    async def is_left_alone(self, old: RedisServer) -> None:
        """Wait until *old* is a replica; see that no node runs scripts there, before and after."""
        await until(lambda: _is_replica(old), "the demotion of the old master")
        await self.traffic.flows()
        self.assertNotIn("cmdstat_evalsha", await old.info("commandstats"))


async def _is_replica(server: RedisServer) -> bool:
    role = await server.do("ROLE")
    return bool(role[0] == b"slave" and role[3] == b"connected")


def base(name: str) -> str:
    """Return the channel of ``u:ann`` or ``s:1:den``, which names their hash slot as well."""
    return f"gim:{{{name}}}"


class ClusterCase(FailoverCase):
    """Has a cluster of three masters with a replica each."""

    async def setUp(self) -> None:  # type: ignore[override]
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
        """Return the channels of users and sessions that have subscribers, and their ports."""
        return {
            (channel.decode(), server.port)
            for server in self.servers.well()
            for channel in await server.do("PUBSUB", "SHARDCHANNELS")
            if not BETWEEN_NODES.fullmatch(channel)
        }


class BusyClusterCase(ClusterCase):
    """Has ``traffic`` that flows, on people and sessions that no two servers alone hold."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        await self.talk(self.a, self.b, "ann", "bob", "cid", "dan")
        self.watched = [f"u:{name}" for name in ("ann", "bob", "cid", "dan")] + ["s:1:den"]

    async def fail_over(self, victim: Server) -> None:
        """Kill a master; see that the nodes serve again once its replica does."""
        await stop_acknowledging(victim)
        await self.traffic.is_refused()
        victim.kill()
        await self.servers.healed()
        await self.recover(self.a, self.b)
        await self.traffic.flows()
