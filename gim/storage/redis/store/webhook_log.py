"""Webhook numbers on Redis, and which users were reported online, for all nodes together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from gim.errors import Unavailable
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.client.protocol import Word
from gim.storage.redis.store import scripts
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.subscriptions import Subscriptions


class RedisWebhookLog:
    """Implements `gim.storage.interface.WebhookLog`. Numbers are kept with each user.

    A set for each node names the users whose going it must report. If it dies, others take them over.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        heartbeat: Heartbeat,
        subscriptions: Subscriptions,
        retention: Retention,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._heartbeat = heartbeat
        self._subscriptions = subscriptions
        self._retention = retention
        self._own: Iterator[str] = iter(())  # users here that other nodes may have taken over

    async def next_event_number(
        self, user_id: str, online: bool | None = None, key: str = ""
    ) -> int | None:
        """See `gim.storage.interface.WebhookLog.next_event_number`."""
        if online is None:
            return await self._count(user_id, "", key)
        if online:
            await self._add(user_id)  # first, so that a user who is reported is never lost
            return await self._count(user_id, "1", key)
        number = await self._gone(user_id, key)
        if not self._is_here(user_id):
            base = self._keys.data
            await self._redis.call(base, "SREM", f"{base}:present:{self._heartbeat.node}", user_id)
        return number

    async def _gone(self, user_id: str, key: str) -> int | None:
        """Count that a user went, unless they are connected.

        Connections here are checked last: commands sent after this check come after its result. The nodes
        that are alive must be known exactly, as this is not asked a second time.
        """
        base, own = self._keys.user(user_id), self._heartbeat.node.encode()
        if set(await self._redis.call(base, "SMEMBERS", f"{base}:nodes")) - {own}:
            await self._heartbeat.beat()
            if not self._heartbeat.knows_the_dead:
                raise Unavailable(
                    "the storage is just back and does not know yet who is online: try again in a moment"
                )
        if self._is_here(user_id):
            return None
        return await self._count(user_id, "0", key, *(self._heartbeat.alive - {own}))

    def _is_here(self, user_id: str) -> bool:
        return self._subscriptions.user(user_id) is not None

    async def _count(self, user_id: str, online: str, key: str, *alive: Word) -> int | None:
        words = online, key, self._heartbeat.retention_start(), self._retention.users_ms, *alive
        number: int | None = await self._redis.run(scripts.EVENT, (self._keys.user(user_id),), *words)
        return number

    async def _add(self, user_id: str) -> None:
        words = self._heartbeat.node, user_id
        self._is_known(not await self._redis.run(scripts.PRESENT, (self._keys.data,), *words))

    def _is_known(self, known: bool) -> None:
        """Note whether the other nodes knew this node."""
        if not known:
            self._own = iter(self._subscriptions.user_ids())

    async def users_to_reannounce(self, limit: int) -> list[str]:
        """See `gim.storage.interface.WebhookLog.users_to_reannounce`."""
        words = self._heartbeat.node, limit if self._heartbeat.knows_the_dead else 0
        is_new, found = await self._redis.run(scripts.UNSETTLED, (self._keys.data,), *words)
        self._is_known(not is_new)
        return [*(user_id.decode() for user_id in found), *islice(self._own, limit)]
