"""Two nodes that reach Redis through Sentinels, and a master that changes in the middle of traffic."""

from __future__ import annotations

import re

from twisted.internet import reactor
from twisted.python.filepath import FilePath

from gim.storage.redis.sentinel import MasterEndpoint
from gim.storage.redis.url import Address, read
from tests.nodes.cluster_case import ANSWER, NodesTestCase, eventually
from tests.nodes.fault_case import QUICK, FaultCase
from tests.redis.machine import HOST, until
from tests.redis.server import RedisServer
from tests.redis.setups import NAME, Sentinel, SetupTestCase

MANY = 100  # more replicas than there are
LONG = 60_000  # ms, more than any failover takes


class FailoverCase(FaultCase, SetupTestCase):
    """Has nodes ``a`` and ``b`` on a setup of several servers."""

    timeout = 120

    async def begin(self, url: str) -> None:
        """Take the place of `FaultCase.setUp`, which has one server."""
        NodesTestCase.setUp(self)
        self.a, self.b = await self.nodes(url, url, options=QUICK)

    async def stop_acknowledging(self, master: RedisServer) -> None:
        """Keep a master from acknowledging changes, and have its replica know those that it did.

        Replication is asynchronous: a change that was acknowledged less than a round trip before a
        master dies may be lost, whatever gim does. The traffic goes on, so a mere WAIT would leave
        changes that come between its reply and the end. A master that wants more replicas than there
        are refuses changes, but goes on to answer whoever watches it.
        """
        await master.do("CONFIG", "SET", "min-replicas-to-write", MANY)
        offset = int((await master.info("replication"))["master_repl_offset"])
        await until(lambda: _is_replicated(master, offset), "a replica that has all")


async def _is_replicated(master: RedisServer, offset: int) -> bool:
    told = await master.info("replication")
    replicas = [told[key] for key in told if key.startswith("slave") and "state=online" in told[key]]
    return any(int(re.search(r"offset=(\d+)", one)[1]) >= offset for one in replicas)


class SentinelCase(FailoverCase):
    """Has a master, its replica and three sentinels, and ``traffic`` that flows."""

    async def setUp(self) -> None:
        self.servers = await self.sentinels()
        await self.elect_at_once()
        await self.begin(self.servers.url)
        await self.talk(self.a, self.b, "ann", "bob", "cid", "dan")

    async def elect_at_once(self) -> None:
        """See that the first election of a master succeeds: the next one would be 8 s later."""
        for sentinel in self.servers.sentinels:  # what is known of a replica is good for 5 such periods
            await sentinel.do("SENTINEL", "DEBUG", "PING-PERIOD", 300)
        idle = self.servers.sentinels[2]  # with two candidates for three votes there is no draw
        await idle.do("SENTINEL", "SET", NAME, "down-after-milliseconds", LONG)

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


class FailoverTests(SentinelCase):
    """The master changes."""

    async def test_a_master_that_is_killed_is_replaced_and_left_alone_when_it_comes_back(self) -> None:
        self.assertEqual(self.traffic.refused, 0)
        old = self.servers.master
        await self.stop_acknowledging(old)
        old.kill()
        await self.traffic.is_refused()
        await self.move_over()
        await old.start()  # as a master without data, until the sentinels demote it
        await self.is_left_alone(old)
        await self.settle()

    async def test_a_planned_failover_loses_nothing_while_the_old_master_lives_on(self) -> None:
        old = self.servers.master
        await self.stop_acknowledging(old)  # else it would go on to acknowledge until it is demoted
        await self.servers.sentinels[0].do("SENTINEL", "FAILOVER", NAME)
        await self.move_over()
        await old.do("CONFIG", "RESETSTAT")
        await self.is_left_alone(old)
        await self.settle()


class SentinelTests(SentinelCase):
    """The sentinels themselves."""

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


class DisagreementTests(SetupTestCase):
    """Sentinels that name different masters."""

    async def test_the_sentinel_that_knows_of_the_latest_failover_is_believed(self) -> None:
        stale, fresh = [await self.sentinel(port, epoch) for port, epoch in ((7001, 1), (7002, 2))]
        for first, second in ((stale, fresh), (fresh, stale)):
            url = f"redis+sentinel://{HOST}:{first.port},{HOST}:{second.port}/{NAME}"
            master = await MasterEndpoint(read(url), reactor).master()
            self.assertEqual(master, Address(HOST, 7002))

    async def sentinel(self, master_port: int, epoch: int) -> Sentinel:
        """Start a sentinel that knows no other one; nobody listens at the port of its master."""
        sentinel = Sentinel(FilePath(self.mktemp()))
        self.addCleanup(sentinel.stop)
        lines = (
            f"port {sentinel.port}",
            f"bind {HOST}",
            f"sentinel monitor {NAME} {HOST} {master_port} 2",
            f"sentinel config-epoch {NAME} {epoch}",
        )
        sentinel.directory.child("sentinel.conf").setContent("\n".join(lines).encode())
        await sentinel.start()
        return sentinel
