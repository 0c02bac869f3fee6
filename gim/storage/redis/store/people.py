"""What Redis knows of a user: the name, and the nodes where they are connected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gim.storage.redis.client.interface import Redis
from gim.storage.redis.client.protocol import Word
from gim.storage.redis.store import scripts
from gim.storage.redis.store.batches import run_for_each
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.reading import Reading
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.script_errors import check

DEAD_AFTER = 3600  # seconds since a node's start after which it is dead unless it is known to be alive
PERSON_BYTES = 1024  # what a name and the nodes of a user take, at most
NODES_KEPT_MS = 2 * 86_400_000  # how long a user's nodes are kept without a refresh


class People:
    """Names and nodes of users, for the parts of the store that need them."""

    def __init__(self, redis: Redis, keys: Keys, heartbeat: Heartbeat, retention: Retention) -> None:
        self._redis = redis
        self._keys = keys
        self._heartbeat = heartbeat
        self._retention = retention

    async def look_up(self, user_ids: Sequence[str], reading: Reading) -> list[tuple[bytes, list[bytes]]]:
        """Return for each user the name, b"" if there is none, and the nodes they are connected to."""
        bases = [self._keys.user(user_id) for user_id in user_ids]
        found = await run_for_each(reading, PERSON_BYTES, scripts.PEOPLE, bases, 1)
        return [(name, nodes) for name, nodes in found]

    async def titles(self, user_ids: Iterable[str], reading: Reading) -> dict[str, str]:
        """Return the names that others see, by id."""
        ids = list(dict.fromkeys(user_ids))
        bases = [self._keys.user(user_id) for user_id in ids]
        found = await run_for_each(reading, PERSON_BYTES, scripts.PEOPLE, bases, 0)
        return {
            user_id: name.decode() if name else user_id
            for user_id, (name, _) in zip(ids, found, strict=True)
        }

    async def connect(self, user_id: str) -> float:
        """Add this node to the user's nodes. Raises `Forbidden` if the user is banned.

        On a cluster it returns the time of the last announcement to the user in ms, 0 if none is known.
        """
        bases: tuple[str, ...] = (self._keys.user(user_id),)
        if not self._redis.is_cluster:
            bases += (self._keys.data,)
        (last,) = check(await self._redis.run(scripts.WATCH, bases, *self._connected()))
        if self._redis.is_cluster:
            return float(last)
        self._heartbeat.mark_seen(last.decode())  # what is older is not new to the user
        return 0.0

    def _connected(self) -> tuple[Word, ...]:
        start = self._heartbeat.retention_start()
        return self._heartbeat.node, start, self._retention.users_ms, NODES_KEPT_MS

    async def refresh(self, user_id: str) -> None:
        """Refresh the user's entry for this node, and drop nodes that are dead by `DEAD_AFTER`."""
        base = self._keys.user(user_id)
        born_before = f"{int(self._heartbeat.now_ms / 1000 - DEAD_AFTER):08x}"
        alive = self._heartbeat.alive
        await self._redis.run(scripts.RENEW, (base,), *self._connected(), born_before, *alive)

    async def disconnect(self, user_id: str) -> None:
        """Remove this node from the user's nodes."""
        base = self._keys.user(user_id)
        await self._redis.call(base, "SREM", f"{base}:nodes", self._heartbeat.node)
