"""Two nodes on a Redis Cluster whose users, sessions and chatrooms are on different servers."""

from __future__ import annotations

from typing import Any

from tests.nodes.cluster_case import ANSWER, CHATROOM, PRIVATE, RECOVERY, eventually
from tests.nodes.client import Client
from tests.nodes.fault_case import QUICK
from tests.nodes.test_sentinel import FailoverCase
from tests.nodes.traffic import Sender
from tests.redis.machine import HOST, until
from tests.redis.setups import Node as Server

PEOPLE = ("ann", "bob", "cid", "dan")


def base(name: str) -> str:
    """Return the base of a user or session, which is their channel: ``u:ann`` or ``s:1:den``."""
    return f"gim:{{{name}}}"


class ClusterCase(FailoverCase):
    """Has a cluster of three masters and three replicas."""

    async def setUp(self) -> None:
        self.servers = await self.cluster()

    async def holder(self, name: str) -> Server:
        return await self.servers.master_of(base(name))

    async def listens_to(self, *names: str) -> None:
        """Wait until the nodes listen to just these, each where its slot is."""
        wanted = {(base(name), (await self.holder(name)).port) for name in names}

        async def check() -> bool:
            return await self.channels() == wanted

        try:
            await until(check, "the channels")
        except AssertionError:
            self.assertEqual(await self.channels(), wanted)

    async def channels(self) -> set[tuple[str, int]]:
        found = set()
        for server in self.servers.well():
            for channel in await server.do("PUBSUB", "SHARDCHANNELS"):
                found.add((channel.decode(), server.port))
        return found


class OrdinaryTests(ClusterCase):
    """Nothing fails: two nodes are one server to their users."""

    async def setUp(self) -> None:
        await super().setUp()
        super(FailoverCase, self).setUp_nodes() if False else None
