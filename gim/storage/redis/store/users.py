"""Users and presence on Redis."""

from __future__ import annotations

from collections.abc import Callable

from gim.concurrency.gather import gather
from gim.ids import SYSTEM
from gim.model import User, UserState
from gim.storage import refusals
from gim.storage.interface import Entrance, Entry
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store import scripts
from gim.storage.redis.store.chatrooms import RedisChatrooms
from gim.storage.redis.store.finding import Finder
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.messages import RedisMessages
from gim.storage.redis.store.people import People
from gim.storage.redis.store.reading import Reading
from gim.storage.redis.store.resync import Resync
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.script_errors import check
from gim.storage.redis.store.subscriptions import Subscription, Subscriptions
from gim.storage.storage_limits import ConnectionLimit


class RedisUsers:
    """Implements `gim.storage.interface.Users`."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        heartbeat: Heartbeat,
        people: People,
        subscriptions: Subscriptions,
        chatrooms: RedisChatrooms,
        messages: RedisMessages,
        resync: Resync,
        retention: Retention,
        limit: ConnectionLimit,
        finder: Finder,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._heartbeat = heartbeat
        self._people = people
        self._subscriptions = subscriptions
        self._chatrooms = chatrooms
        self._messages = messages
        self._resync = resync
        self._retention = retention
        self._limit = limit
        self._finder = finder

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

    async def find(
        self, prefix: str, cursor: str, count: int, online_only: bool
    ) -> tuple[list[UserState], str]:
        """See `gim.storage.interface.Users.find`."""
        around = self._keys.around_user("nodes" if online_only else "user")
        ids, following = await self._finder.find(around, prefix, cursor, count)
        found = await self._people.look_up(ids, Reading(self._redis, SYSTEM))
        await self._heartbeat.know({node for _, nodes in found for node in nodes})
        states = [
            UserState(user_id, name.decode(), self._heartbeat.is_alive(nodes))
            for user_id, (name, nodes) in zip(ids, found, strict=True)
            if name and user_id != SYSTEM
        ]
        return [state for state in states if state.online or not online_only], following

    async def enter(self, entry: Entry, admit: Callable[[list[str]], None]) -> Entrance:
        """See `gim.storage.interface.Users.enter`."""
        subscription = self._subscriptions.user(entry.user_id)
        self._limit.check(subscription.connections if subscription is not None else 0)
        subscription = self._subscriptions.add_user(entry.user_id)
        subscription.connections += 1
        try:
            return await self._enter(entry, admit, subscription)
        except BaseException:
            self.exit(entry.user_id)
            raise

    async def _enter(
        self, entry: Entry, admit: Callable[[list[str]], None], subscription: Subscription
    ) -> Entrance:
        user, last_ms, chatroom_ids = await self._begin(entry, subscription)
        subscription.begin_after(last_ms)
        admit(chatroom_ids)
        missed = self._messages.missed(user.id, entry.since, entry.limit)
        subscribing = gather(map(self._chatrooms.subscribe, chatroom_ids))
        found, _ = await gather([missed, subscribing])
        return Entrance(user, chatroom_ids, found)

    async def _begin(self, entry: Entry, subscription: Subscription) -> tuple[User, float, list[str]]:
        """Subscribe to the user first: what comes after the other answers is announced."""
        _subscribed, user, last_ms, chatroom_ids = await gather(
            [
                self._redis.subscribe(subscription.base),
                self.put(entry.user_id, entry.name),
                self._people.connect(entry.user_id),
                self._chatrooms.of_user(entry.user_id),
            ]
        )
        return user, last_ms, chatroom_ids

    def exit(self, user_id: str) -> bool:
        """See `gim.storage.interface.Users.exit`."""
        subscription = self._subscriptions.user(user_id)
        if subscription is None:
            return True
        subscription.connections -= 1
        if subscription.connections > 0:
            return False
        self._subscriptions.remove(subscription.base)
        self._redis.unsubscribe(subscription.base)
        self._resync.leave(user_id)
        return True
