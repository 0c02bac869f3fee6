"""The faults: each begins, lasts for its seconds, and is healed before the next one of its lane."""

from __future__ import annotations

import socket
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from tests.integration.chaos.journal import Journal
from tests.integration.chaos.plan import Fault
from tests.integration.chaos.topology import OPEN_FILES, START_LIMIT, GimNode, Topology
from tests.support.clocks import DAY, HOUR
from tests.support.redis.environment import HOST, until
from tests.support.redis.proxy import Proxy
from tests.support.redis.server import RedisServer
from tests.support.redis.setups import NAME, stop_acknowledging

STEPS = (-12, 12, -HOUR, HOUR, -31 * DAY, 31 * DAY)  # seconds that a clock is set by
DELAYS = (0.05, 0.3, 1.0)  # seconds each way
AFTERWARDS = 1.0  # seconds after the end of an outage in which what waited may still be late
ATTEMPTS = 5  # of Sentinels to agree on a new master, 20 s each

T = TypeVar("T")


class Faults:
    """Injects the faults of a setup, one after the other in each lane."""

    def __init__(self, topology: Topology, journal: Journal) -> None:
        self._topology, self._journal = topology, journal
        self._kinds: dict[str, Callable[[Fault], Coroutine[Deferred[Any], Any, None]]] = {
            "node killed": self._kill_node,
            "node restarted": self._restart_node,
            "node frozen": self._freeze_node,
            "clock set": self._set_clock,
            "files used up": self._use_up_files,
            "clients cut": lambda fault: self._cut(fault, *self._front(fault)),
            "clients in a black hole": lambda fault: self._swallow(fault, *self._front(fault)),
            "replies in a black hole": lambda fault: self._swallow(
                fault, *self._front(fault), commands=False
            ),
            "clients delayed": lambda fault: self._delay(fault, *self._front(fault)),
            "clients refused": lambda fault: self._refuse(fault, *self._front(fault)),
            "Redis link cut": lambda fault: self._cut(fault, *self._back(fault)),
            "Redis link in a black hole": lambda fault: self._swallow(fault, *self._back(fault)),
            "Redis replies in a black hole": lambda fault: self._swallow(
                fault, *self._back(fault), commands=False
            ),
            "Redis link delayed": lambda fault: self._delay(fault, *self._back(fault)),
            "Redis link refused": lambda fault: self._refuse(fault, *self._back(fault)),
            "Redis frozen": self._freeze_redis,
            "Redis frozen briefly": self._freeze_redis,
            "Redis killed": self._kill_redis,
            "CLIENT KILL": self._kill_clients,
            "CLIENT PAUSE": self._pause_clients,
            "SCRIPT FLUSH": self._flush_scripts,
            "out of memory": self._fill_memory,
            "failover planned": self._fail_over,
            "master killed": self._kill_master,
        }

    async def run(self, faults: list[Fault], until_at: float) -> None:
        """Inject *faults* in their order until it is time to heal."""
        for fault in faults:
            if reactor.seconds() + fault.gap > until_at:
                return
            await deferLater(reactor, fault.gap)
            self._journal.faults[fault.kind] += 1
            self._note(f"{fault.kind} begins: {fault.seconds:.1f} s, {fault.pick:.2f}, {fault.variant}")
            await self._kinds[fault.kind](fault)
            self._note(f"{fault.kind} is healed")

    def _note(self, text: str) -> None:
        self._journal.note(reactor.seconds(), "fault", "", text)

    def _node(self, fault: Fault) -> GimNode:
        return _pick(fault, self._topology.nodes)

    async def _last(self, fault: Fault) -> None:
        await deferLater(reactor, fault.seconds)

    # nodes

    async def _kill_node(self, fault: Fault) -> None:
        node = self._node(fault)
        node.kill()
        await node.ended()
        await self._last(fault)
        await node.start()

    async def _restart_node(self, fault: Fault) -> None:
        node = self._node(fault)
        await node.stop()
        await self._last(fault)
        await node.start()

    async def _freeze_node(self, fault: Fault) -> None:
        node, began = self._node(fault), reactor.seconds()
        node.freeze()
        await self._last(fault)
        node.thaw()
        self._journal.out(node.name, began, reactor.seconds() + AFTERWARDS)

    async def _set_clock(self, fault: Fault) -> None:
        node, seconds = self._node(fault), STEPS[fault.variant % len(STEPS)]
        node.step_clock(seconds)
        await self._last(fault)
        node.step_clock(-seconds)

    async def _use_up_files(self, fault: Fault) -> None:
        node = self._node(fault)
        port = node.http if fault.variant % 3 == 0 else node.ws
        idle = [socket.socket() for _ in range(OPEN_FILES + 50)]
        for one in idle:
            one.setblocking(False)
            one.connect_ex((HOST, port))
        began = reactor.seconds()
        await self._last(fault)
        for one in idle:
            one.close()
        if port == node.http:  # no files are left for other requests over HTTP until then
            self._journal.out(f"{node.name}/http", began, reactor.seconds() + AFTERWARDS)

    # links

    def _front(self, fault: Fault) -> tuple[Proxy, str]:
        """Return a relay before a node, and its name on the paths of requests."""
        node = self._node(fault)
        number = fault.variant % (len(node.relays) + 1)
        if number == len(node.relays):
            return node.http_relay, f"{node.name}/http"
        return node.relays[number], f"{node.name}/{number}"

    def _back(self, fault: Fault) -> tuple[Proxy, str]:
        """Return the relay behind a node, which is on no path: its node has to answer without Redis."""
        relay = self._node(fault).to_redis
        assert relay is not None
        return relay, ""

    async def _cut(self, fault: Fault, relay: Proxy, name: str) -> None:
        relay.cut()
        await self._last(fault)

    async def _swallow(self, fault: Fault, relay: Proxy, name: str, commands: bool = True) -> None:
        began = reactor.seconds()
        relay.black_hole(commands)
        await self._last(fault)
        relay.pass_on()
        relay.cut()
        self._journal.out(name, began, reactor.seconds() + AFTERWARDS)

    async def _delay(self, fault: Fault, relay: Proxy, name: str) -> None:
        began, seconds = reactor.seconds(), DELAYS[fault.variant % len(DELAYS)]
        relay.delay(seconds)
        await self._last(fault)
        relay.delay(0)
        self._journal.out(name, began, reactor.seconds() + 2 * seconds + AFTERWARDS)

    async def _refuse(self, fault: Fault, relay: Proxy, name: str) -> None:
        await relay.refuse()
        relay.cut()
        await self._last(fault)
        relay.allow()

    # servers of Redis

    async def _master(self, fault: Fault) -> RedisServer:
        return _pick(fault, await self._topology.masters())

    async def _freeze_redis(self, fault: Fault) -> None:
        server = await self._master(fault)
        server.freeze()
        await self._last(fault)
        server.thaw()

    async def _kill_redis(self, fault: Fault) -> None:
        server = await self._master(fault)
        server.kill()
        await server.ended()
        await self._last(fault)
        await server.start()

    async def _kill_clients(self, fault: Fault) -> None:
        server = await self._master(fault)
        await server.do("CLIENT", "KILL", "TYPE", ("normal", "pubsub")[fault.variant % 2])
        await self._last(fault)

    async def _pause_clients(self, fault: Fault) -> None:
        server = await self._master(fault)
        what = ("ALL", "WRITE")[fault.variant % 2]
        await server.do("CLIENT", "PAUSE", int(fault.seconds * 1000), what)
        await self._last(fault)

    async def _flush_scripts(self, fault: Fault) -> None:
        server = await self._master(fault)
        await server.do("SCRIPT", "FLUSH", ("SYNC", "ASYNC")[fault.variant % 2])
        await self._last(fault)

    async def _fill_memory(self, fault: Fault) -> None:
        server = await self._master(fault)
        await server.do("CONFIG", "SET", "maxmemory", 1)
        await self._last(fault)
        await server.do("CONFIG", "SET", "maxmemory", 0)

    # failovers: Redis itself loses nothing, as the master refuses writes before

    async def _fail_over(self, fault: Fault) -> None:
        if self._topology.name == "sentinel":
            old = self._topology.redis.master
            await stop_acknowledging(old)
            await self._topology.redis.sentinels[fault.variant % 2].do("SENTINEL", "FAILOVER", NAME)
            await self._promoted()
            await self._rejoin(old)
        else:
            old = await self._master(fault)
            await (await self._topology.redis.replica_of(old)).do("CLUSTER", "FAILOVER")
            await until(lambda: self._is_no_master(old), "another master")
            await self._topology.redis.healed()
        await self._last(fault)

    async def _kill_master(self, fault: Fault) -> None:
        old = await self._master(fault)
        await stop_acknowledging(old)
        old.kill()
        await old.ended()
        if self._topology.name == "sentinel":
            await self._promoted()
        else:
            await self._topology.redis.healed()
        await self._last(fault)
        await old.start()
        await self._topology.wait_longer()
        await self._rejoin(old)

    async def _promoted(self) -> None:
        for attempt in range(ATTEMPTS):
            try:
                await self._topology.redis.promoted()
                return
            except AssertionError:
                if attempt == ATTEMPTS - 1:
                    raise

    async def _rejoin(self, old: RedisServer) -> None:
        """Wait until a former master is a replica that has all: it may be the next master."""
        await until(lambda: _is_replica(old), "a replica of the new master", START_LIMIT)
        await old.do("CONFIG", "SET", "min-replicas-to-write", 0)
        if self._topology.name == "cluster":
            await self._topology.redis.healed()
        else:
            await until(lambda: self._is_watched(), "sentinels that know of it", START_LIMIT)

    async def _is_watched(self) -> bool:
        redis = self._topology.redis
        counts = len(redis.replicas), len(redis.sentinels)
        return all([await sentinel.knows(*counts) for sentinel in redis.sentinels])

    async def _is_no_master(self, server: RedisServer) -> bool:
        return bool((await server.do("ROLE"))[0] == b"slave")


async def _is_replica(server: RedisServer) -> bool:
    role = await server.do("ROLE")
    return bool(role[0] == b"slave" and role[3] == b"connected")


def _pick(fault: Fault, some: list[T]) -> T:
    return some[int(fault.pick * len(some))]
