"""Several real Redis servers as one: a master with replicas under sentinels, and a cluster."""

from __future__ import annotations

import re
from collections.abc import Coroutine, Iterable
from socket import socket
from typing import Any, cast

from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath

from tests.support.redis.environment import HOST, hold_port, until
from tests.support.redis.server import RedisServer, RedisTestCase

PROMPT_SYNC = ("--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0")  # else it takes 5 s
NAME = "mymaster"
SLOTS = 16_384
MASTERS = 3
MANY = 100  # more replicas than there are
LONG = 60_000  # ms, more than any failover takes
NEW_MASTER_DELAY = 5.0  # seconds: Redis keeps a new master of a cluster from serving for less
# Sentinels talk ten times as often as usual (ms), so that all agree soon; and a machine too busy to run
# them for 2 s does not make them sit still for 30 s.
HASTE = (
    *("ASK-PERIOD", 100, "PING-PERIOD", 100, "PUBLISH-PERIOD", 200),
    *("INFO-PERIOD", 1000, "TILT-PERIOD", 500),
)


async def at_once(work: Iterable[Coroutine[Deferred[Any], Any, None]]) -> None:
    """Do all *work* at the same time; raise the first error, but not before all has ended."""
    results = await DeferredList([Deferred.fromCoroutine(each) for each in work], consumeErrors=True)
    for succeeded, result in results:
        if not succeeded:
            assert isinstance(result, Failure)
            result.raiseException()


async def stop_acknowledging(master: RedisServer) -> None:
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
    return any(int(re.findall(r"offset=(\d+)", one)[0]) >= offset for one in replicas)


class Setup:
    """Servers that start and stop together."""

    def __init__(self, directory: FilePath[str]) -> None:
        self.directory = directory
        self.servers: list[Any] = []  # of `RedisServer`

    async def stop(self) -> None:
        """Kill all servers and wait for their end."""
        await at_once(server.stop() for server in self.servers)

    def at(self, port: int) -> Any:
        """Return the server with that port."""
        return next(server for server in self.servers if server.port == port)

    def well(self) -> list[Any]:
        """Return the servers that run and are not frozen."""
        return [server for server in self.servers if server.well]


class Sentinel(RedisServer):
    """A server that watches others. What it learns is in its configuration, and outlives a restart."""

    def configure(self, setup: SentinelSetup) -> None:
        """Make it know all servers of *setup* from the start; by itself it learns of them within 2 s."""
        others = [sentinel for sentinel in setup.sentinels if sentinel is not self]
        lines = [
            f"port {self.port}",
            f"bind {HOST}",
            f"sentinel myid {self.id}",
            f"sentinel monitor {NAME} {HOST} {setup.master.port} {len(setup.sentinels) // 2 + 1}",
            f"sentinel down-after-milliseconds {NAME} 1000",
            f"sentinel failover-timeout {NAME} 4000",
            *(f"sentinel known-replica {NAME} {HOST} {replica.port}" for replica in setup.replicas),
            *(f"sentinel known-sentinel {NAME} {HOST} {other.port} {other.id}" for other in others),
        ]
        self.directory.child("sentinel.conf").setContent("\n".join(lines).encode())

    async def start(self) -> None:
        await super().start()
        await self.do("SENTINEL", "DEBUG", *HASTE)

    @property
    def id(self) -> str:
        return f"{self.port:040x}"

    def _command_line(self) -> tuple[str, ...]:
        return ("sentinel.conf", "--sentinel")

    async def master_port(self) -> int:
        _, port = await self.do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        return int(port)

    async def knows(self, replicas: int, sentinels: int) -> bool:
        """Whether it sees that many good replicas, and enough of *sentinels* for a failover."""
        seen = await self.do("SENTINEL", "REPLICAS", NAME)
        fields = [dict(zip(each[::2], each[1::2], strict=True)) for each in seen]
        good = [
            each for each in fields if (each[b"flags"], each[b"master-link-status"]) == (b"slave", b"ok")
        ]
        told = (await self.do("SENTINEL", "CKQUORUM", NAME)).split()
        return len(good) == replicas and told[:2] == [b"OK", b"%d" % sentinels]


class SentinelSetup(Setup):
    """A master and its replicas under three sentinels; 2 s after the master died all name another one."""

    def __init__(self, directory: FilePath[str], replicas: int = 1, sentinels: int = 3) -> None:
        super().__init__(directory)
        self.master = RedisServer(directory.child("master"), *PROMPT_SYNC)
        of = ("--replicaof", f"{HOST} {self.master.port}", *PROMPT_SYNC)
        self.replicas = [RedisServer(directory.child(f"replica{n}"), *of) for n in range(replicas)]
        self.sentinels = [Sentinel(directory.child(f"sentinel{n}")) for n in range(sentinels)]
        self.servers = [self.master, *self.replicas, *self.sentinels]

    @property
    def url(self) -> str:
        """redis+sentinel:// with all sentinels and the name of the master."""
        return f"redis+sentinel://{','.join(f'{HOST}:{each.port}' for each in self.sentinels)}/{NAME}"

    async def start(self) -> None:
        """Start all; return once the replicas have their data and the sentinels could promote one."""
        for sentinel in self.sentinels:
            sentinel.configure(self)
        await self.master.start()  # first: a replica tries to reach it at once, then each second
        await at_once(replica.start() for replica in self.replicas)
        await until(self._replicated, "the replicas' first synchronization")
        await at_once(sentinel.start() for sentinel in self.sentinels)
        await until(self._watched, "sentinels that know all", pause=0.05)

    async def _replicated(self) -> bool:
        told = [await replica.info("replication") for replica in self.replicas]
        return all(each["master_link_status"] == "up" for each in told)

    async def _watched(self) -> bool:
        counts = (len(self.replicas), len(self.sentinels))
        return all([await sentinel.knows(*counts) for sentinel in self.sentinels])

    async def elect_at_once(self) -> None:
        """See that the first election of a master succeeds: the next one would be 8 s later."""
        for sentinel in self.sentinels:  # what is known of a replica is good for 5 such periods
            await sentinel.do("SENTINEL", "DEBUG", "PING-PERIOD", 300)
        idle = self.sentinels[2]  # with two candidates for three votes there is no draw
        await idle.do("SENTINEL", "SET", NAME, "down-after-milliseconds", LONG)

    async def promoted(self) -> RedisServer:
        """Wait until all sentinels that run name another master than *master*, and it knows.

        It becomes *master* and is returned; the old one joins the *replicas*.
        """
        await until(self._promoted, "a promotion", pause=0.05)
        return self.master

    async def _promoted(self) -> bool:
        ports = {await sentinel.master_port() for sentinel in self.sentinels if sentinel.well}
        if len(ports) != 1 or ports == {self.master.port}:
            return False
        new = self.at(ports.pop())
        if (await new.do("ROLE"))[0] != b"master":
            return False
        self.replicas = [each for each in self.replicas if each is not new] + [self.master]
        self.master = new
        return True


class Node(RedisServer):
    """A server of a cluster, with a second port for the others."""

    def __init__(self, directory: FilePath[str], **options: Any) -> None:
        self._bus_holder: socket = hold_port()
        self.bus_port: int = self._bus_holder.getsockname()[1]
        words = ("--cluster-enabled", "yes", "--cluster-port", str(self.bus_port))
        times = ("--cluster-node-timeout", "1500", "--cluster-replica-validity-factor", "0")
        super().__init__(directory, *words, *times, *PROMPT_SYNC, **options)

    async def stop(self) -> None:
        await super().stop()
        self._bus_holder.close()

    async def owners(self) -> dict[range, int]:
        """Return what it thinks of the slots: the port of the master for each range of them."""
        told = await self.do("CLUSTER", "SLOTS")
        return {range(first, last + 1): master[1] for first, last, master, *_ in told}


class ClusterSetup(Setup):
    """A cluster of three masters with a replica each, which takes over 2 to 4 s after its master died."""

    def __init__(self, directory: FilePath[str], skewed: bool = False) -> None:
        """With *skewed* clocks no new master keeps the cluster waiting."""
        super().__init__(directory)
        self.servers = [Node(directory.child(f"node{n}"), skewed=skewed) for n in range(2 * MASTERS)]

    @property
    def url(self) -> str:
        """redis+cluster:// with all servers."""
        return f"redis+cluster://{','.join(f'{HOST}:{each.port}' for each in self.servers)}"

    async def start(self) -> None:
        """Start all; return once all slots are served and each master has a replica with its data."""
        await at_once(node.start() for node in self.servers)
        await at_once(self._found(n, node) for n, node in enumerate(self.servers))
        await at_once(self._meet(n, node) for n, node in enumerate(self.servers))
        await until(self._acquainted, "servers that know each other")
        pairs = zip(self.servers[:MASTERS], self.servers[MASTERS:], strict=True)
        await at_once(self._follow(master, replica) for master, replica in pairs)
        await until(self._replicated, "replicas that are linked")
        await self.healed()

    async def _found(self, n: int, node: Node) -> None:
        await node.do("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
        if n < MASTERS:
            first, last = SLOTS * n // MASTERS, SLOTS * (n + 1) // MASTERS - 1
            await node.do("CLUSTER", "ADDSLOTSRANGE", first, last)
        if node.skewed:
            node.advance(NEW_MASTER_DELAY)

    async def _meet(self, n: int, node: Node) -> None:
        for other in self.servers[:n]:
            await node.do("CLUSTER", "MEET", HOST, other.port, other.bus_port)

    async def _acquainted(self) -> bool:
        ports = {node.port for node in self.servers[:MASTERS]}
        return all([set((await node.owners()).values()) == ports for node in self.servers])

    async def _follow(self, master: Node, replica: Node) -> None:
        await replica.do("CLUSTER", "REPLICATE", await master.do("CLUSTER", "MYID"))

    async def _replicated(self) -> bool:
        told = [await node.info("replication") for node in self.servers[MASTERS:]]
        return all(each.get("master_link_status") == "up" for each in told)

    async def master_of(self, key: str | bytes) -> Node:
        """Return the server that holds *key*, as the first server that is well sees it."""
        witness = self.well()[0]
        slot = await witness.do("CLUSTER", "KEYSLOT", key)
        owners = await witness.owners()
        return self.at(next(port for slots, port in owners.items() if slot in slots))

    async def replica_of(self, master: Node) -> Node:
        """Return the replica of a master, once it is linked."""
        for server in self.well():
            role = await server.do("ROLE")
            if role[0] == b"slave" and role[2] == master.port:
                await until(lambda one=server: self._is_linked(one), "a replica that is linked")
                return cast(Node, server)
        raise AssertionError("no replica")

    async def _is_linked(self, server: Node) -> bool:
        return bool((await server.do("ROLE"))[3] == b"connected")

    async def healed(self) -> None:
        """Wait until all servers that are well agree that servers that are well serve all slots."""
        await until(self._healed, "a cluster that serves all slots", pause=0.05)

    async def _healed(self) -> bool:
        well = {node.port for node in self.well()}
        for node in self.well():
            owners = await node.owners()
            if not well.issuperset(owners.values()) or sum(map(len, owners)) != SLOTS:
                return False
            if b"cluster_state:ok" not in await node.do("CLUSTER", "INFO"):
                return False
        return True


class SetupTestCase(RedisTestCase):
    """Starts setups and sees to it that all of their servers end."""

    async def sentinels(self, **options: Any) -> SentinelSetup:
        """Start a master, replicas and sentinels, with the options of `SentinelSetup`."""
        return await self._begin(SentinelSetup(FilePath(self.mktemp()), **options))

    async def cluster(self, skewed: bool = False) -> ClusterSetup:
        """Start a cluster."""
        return await self._begin(ClusterSetup(FilePath(self.mktemp()), skewed))

    async def _begin(self, setup: Any) -> Any:
        self.addCleanup(setup.stop)
        await setup.start()
        return setup
