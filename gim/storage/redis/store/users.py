"""Users and presence on Redis."""

from __future__ import annotations

from gim.concurrency.gather import gather
from gim.model import User, UserState
from gim.storage import refusals
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store import scripts
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.people import People
from gim.storage.redis.store.reading import Reading
from gim.storage.redis.store.resync import Resync
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.script_errors import check
from gim.storage.redis.store.subscriptions import Subscriptions


class RedisUsers:
    """Implements `gim.storage.interface.Users`."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        heartbeat: Heartbeat,
        people: People,
        subscriptions: Subscriptions,
        resync: Resync,
        retention: Retention,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._heartbeat = heartbeat
        self._people = people
        self._subscriptions = subscriptions
        self._resync = resync
        self._retention = retention

    async def put(self, user_id: str, name: str | None) -> User:
        """See `gim.storage.interface.Users.put`."""
        base = self._keys.user(user_id)
        kept = self._heartbeat.retention_start(), self._retention.users_ms
        words = user_id, int(name is not None), name or user_id, *kept
        reply = await self._redis.run(scripts.PUT_USER, (base,), *words)
        if isinstance(reply, list):
            check(reply[0])
        return User(user_id, reply.decode())

    async def get(self, user_id: str) -> UserState:
        """See `gim.storage.interface.Users.get`."""
        ((name, nodes),) = await self._people.look_up([user_id], Reading(self._redis, user_id))
        if not name:
            raise refusals.no_user(user_id)
        return UserState(user_id, name.decode(), await self._heartbeat.is_online(nodes))

    async def subscribe(self, user_id: str) -> None:
        """See `gim.storage.interface.Users.subscribe`."""
        subscription = self._subscriptions.add_user(user_id)
        works = self._redis.subscribe(subscription.base), self._people.connect(user_id)
        _, last_ms = await gather(works)
        subscription.begin_after(last_ms)

    def unsubscribe(self, user_id: str) -> None:
        """See `gim.storage.interface.Users.unsubscribe`."""
        base = self._keys.user(user_id)
        if self._subscriptions.remove(base):
            self._redis.unsubscribe(base)
            self._resync.leave(user_id)
