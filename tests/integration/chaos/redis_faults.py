"""Faults of the servers of Redis."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.integration.chaos.injection import Inject, Injection, pick
from tests.integration.chaos.journal import CLOCK
from tests.integration.chaos.plan import Fault
from tests.integration.chaos.topology import START_LIMIT
from tests.support.nodes.migration import Migration
from tests.support.redis.environment import until
from tests.support.redis.server import RedisServer
from tests.support.redis.setups import NAME, Node, stop_acknowledging

CLOCK_STEPS = (-12, 12)  # seconds
MOVED = ("u:ann", "s:1:all", "s:2:ann:bob", "gim", "u:eve", "s:1:den")
MIGRATION_STEPS = 5
ATTEMPTS = 5  # to wait for servers that agree on a new master, 20 s each, or to ask for another one
GIVEN_UP_AFTER = 6.0  # seconds: a master and its replica forget a planned failover that took 5 s


class RedisFaults(Injection):
    """Servers end, stand still, refuse, and change their roles."""

    @property
    def kinds(self) -> dict[str, Inject]:
        return {
            "Redis frozen": self._freeze_redis,
            "Redis frozen briefly": self._freeze_redis,
            "Redis killed": self._kill_redis,
            "Redis clock set": self._set_clock,
            "CLIENT KILL": self._kill_clients,
            "CLIENT PAUSE": self._pause_clients,
            "SCRIPT FLUSH": self._flush_scripts,
            "out of memory": self._fill_memory,
            "Sentinel frozen": self._freeze_sentinel,
            "slot moved": self._move_slot,
            "failover planned": self._fail_over,
            "master killed": self._kill_master,
        }

    async def _master(self, fault: Fault) -> RedisServer:
        return pick(fault, await self.topology.masters())

    async def _freeze_redis(self, fault: Fault) -> None:
        server = await self._master(fault)
        server.freeze()
        await self.last(fault)
        server.thaw()

    async def _kill_redis(self, fault: Fault) -> None:
        server = await self._master(fault)
        server.kill()
        await server.ended()
        await self.last(fault)
        await server.start()

    async def _set_clock(self, fault: Fault) -> None:
        """Set it by less than what docs/redis.md says would be removed for good."""
        server, seconds = await self._master(fault), CLOCK_STEPS[fault.variant % len(CLOCK_STEPS)]
        began = reactor.seconds()
        server.advance(seconds)
        await self.last(fault)
        server.advance(-seconds)
        self.out(CLOCK, began)

    async def _kill_clients(self, fault: Fault) -> None:
        server = await self._master(fault)
        await server.do("CLIENT", "KILL", "TYPE", ("normal", "pubsub")[fault.variant % 2])
        await self.last(fault)

    async def _pause_clients(self, fault: Fault) -> None:
        server = await self._master(fault)
        what = ("ALL", "WRITE")[fault.variant % 2]
        await server.do("CLIENT", "PAUSE", int(fault.seconds * 1000), what)
        await self.last(fault)

    async def _flush_scripts(self, fault: Fault) -> None:
        server = await self._master(fault)
        await server.do("SCRIPT", "FLUSH", ("SYNC", "ASYNC")[fault.variant % 2])
        await self.last(fault)

    async def _fill_memory(self, fault: Fault) -> None:
        server = await self._master(fault)
        await server.do("CONFIG", "SET", "maxmemory", 1)
        await self.last(fault)
        await server.do("CONFIG", "SET", "maxmemory", 0)

    # Sentinels and a Cluster

    async def _freeze_sentinel(self, fault: Fault) -> None:
        sentinel = pick(fault, self.topology.redis.sentinels)
        sentinel.freeze()
        await self.last(fault)
        sentinel.thaw()

    async def _move_slot(self, fault: Fault) -> None:
        """Move all keys of a user, of a session, or of the nodes to another master, step by step."""
        redis, key = self.topology.redis, f"gim:{{{MOVED[fault.variant % len(MOVED)]}}}"
        source = await redis.master_of(key)
        targets = [server for server in await self.topology.masters() if server is not source]
        seconds = fault.seconds / MIGRATION_STEPS
        migration = Migration(redis, key, lambda: deferLater(reactor, seconds))
        await migration.run(source, cast(Node, pick(fault, targets)))
        await patiently(redis.healed)

    # failovers: Redis itself loses nothing, as the master refuses writes before

    async def _fail_over(self, fault: Fault) -> None:
        if self.topology.name == "sentinel":
            old = self.topology.redis.master
            await stop_acknowledging(old)
            await self.topology.redis.sentinels[fault.variant % 2].do("SENTINEL", "FAILOVER", NAME)
            await patiently(self.topology.redis.promoted)
            await self._rejoin(old)
        else:
            old = await self._master(fault)
            await self._replace(old)
            await patiently(self.topology.redis.healed)
        await self.last(fault)

    async def _replace(self, old: RedisServer) -> None:
        """Let its replica replace a master. Redis gives that up when it takes 5 s, and is asked again."""
        for attempt in range(ATTEMPTS):
            await (await self.topology.redis.replica_of(old)).do("CLUSTER", "FAILOVER")
            try:
                await until(lambda: self._is_no_master(old), "another master", GIVEN_UP_AFTER)
            except AssertionError:
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                return

    async def _kill_master(self, fault: Fault) -> None:
        old = await self._master(fault)
        await stop_acknowledging(old)
        old.kill()
        await old.ended()
        if self.topology.name == "sentinel":
            await patiently(self.topology.redis.promoted)
        else:
            await patiently(self.topology.redis.healed)
        await self.last(fault)
        await old.start()
        await self.topology.wait_longer()
        await self._rejoin(old)

    async def _rejoin(self, old: RedisServer) -> None:
        """Wait until a former master is a replica that has all: it may be the next master."""
        await until(lambda: _is_replica(old), "a replica of the new master", START_LIMIT)
        await old.do("CONFIG", "SET", "min-replicas-to-write", 0)
        if self.topology.name == "cluster":
            await patiently(self.topology.redis.healed)
        else:
            await until(lambda: self._is_watched(), "sentinels that know of it", START_LIMIT)

    async def _is_watched(self) -> bool:
        redis = self.topology.redis
        counts = len(redis.replicas), len(redis.sentinels)
        return all([await sentinel.knows(*counts) for sentinel in redis.sentinels])

    async def _is_no_master(self, server: RedisServer) -> bool:
        return bool((await server.do("ROLE"))[0] == b"slave")


async def _is_replica(server: RedisServer) -> bool:
    role = await server.do("ROLE")
    return bool(role[0] == b"slave" and role[3] == b"connected")


async def patiently(wait: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Wait several times as long as the tests do: an election may fail on a busy machine."""
    for _ in range(ATTEMPTS - 1):
        try:
            await wait()
            return
        except AssertionError:
            pass
    await wait()
