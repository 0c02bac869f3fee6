"""A slot of a cluster that moves, as ``redis-cli --cluster reshard`` moves it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.support.redis.environment import HOST, PATIENCE
from tests.support.redis.setups import ClusterSetup
from tests.support.redis.setups import Node as Server


async def _at_once() -> None:
    """Wait for nothing."""


class Migration:
    """Moves the slot of a key, in steps; after each of them it waits for *meanwhile*."""

    def __init__(
        self, servers: ClusterSetup, key: str, meanwhile: Callable[[], Awaitable[None]] = _at_once
    ) -> None:
        self._servers = servers
        self._key = key
        self._meanwhile = meanwhile

    async def run(self, source: Server, target: Server) -> None:
        """Move it; first one key, then all others, and the target is told first, as is right."""
        self._slot = await source.do("CLUSTER", "KEYSLOT", self._key)
        target_id = await target.do("CLUSTER", "MYID")
        await self._open(source, target, target_id)
        for count in (1, 1000):
            await self._move(source, target, count)
        for server in (target, source):
            await server.do("CLUSTER", "SETSLOT", self._slot, "NODE", target_id)
            await self._meanwhile()

    async def _open(self, source: Server, target: Server, target_id: bytes) -> None:
        source_id = await source.do("CLUSTER", "MYID")
        await target.do("CLUSTER", "SETSLOT", self._slot, "IMPORTING", source_id)
        await source.do("CLUSTER", "SETSLOT", self._slot, "MIGRATING", target_id)
        await self._meanwhile()

    async def _move(self, source: Server, target: Server, count: int) -> None:
        """Move keys; a server refuses to if the target has one of them already."""
        keys = await source.do("CLUSTER", "GETKEYSINSLOT", self._slot, count)
        if keys:
            ms = round(PATIENCE * 1000)
            await source.do("MIGRATE", HOST, target.port, "", 0, ms, "KEYS", *keys)
        await self._meanwhile()
