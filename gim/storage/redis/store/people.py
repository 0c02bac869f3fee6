"""Users and chatrooms on Redis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gim.concurrency.gather import gather
from gim.errors import NotFound
from gim.ids import chatroom_session
from gim.model import ADMIN, MEMBER, OWNER, Member, User, UserState
from gim.storage.interface import Announcement, Listener, MemberJoined, MemberLeft
from gim.storage.redis.client.interface import Redis, Retention
from gim.storage.redis.client.protocol import Word
from gim.storage.redis.store import scripts
from gim.storage.redis.store.atomic_writes import Writes
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.script_errors import check

DEAD_AFTER = 3600  # seconds since its start after which a node that is not alive is taken for dead
NODES_KEPT = 2 * 86_400_000  # ms that a user's nodes are kept without being named again


class People:
    """Who there is, whether they are online, and which chatrooms they are members of."""

    def __init__(
        self, redis: Redis, keys: Keys, pulse: Heartbeat, changes: Writes, limits: Retention
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._pulse = pulse
        self._changes = changes
        self._limits = limits
        self.observer: Listener | None = None  # of memberships that begin and end here

    async def put(self, user_id: str, name: str | None) -> User:
        """See `gim.storage.interface.Storage.put_user`."""
        base = self._keys.user(user_id)
        words = user_id, int(name is not None), name or user_id, self._pulse.born(), self._limits.keep
        reply = await self._redis.run(scripts.PUT_USER, (base,), *words)
        if isinstance(reply, list):
            check(reply[0])
        return User(user_id, reply.decode())

    async def state(self, user_id: str) -> UserState:
        """See `gim.storage.interface.Storage.user`."""
        name, nodes = await self._look_up(user_id)
        if name is None:
            raise NotFound(f"no user {user_id!r}: an id becomes a user with its first login")
        return UserState(user_id, name.decode(), await self._pulse.is_online(nodes))

    async def _look_up(self, user_id: str) -> tuple[bytes | None, list[bytes]]:
        base = self._keys.user(user_id)
        name, nodes = await gather(
            [
                self._redis.call(base, "HGET", f"{base}:user", "name"),
                self._redis.call(base, "SMEMBERS", f"{base}:nodes"),
            ]
        )
        return name, list(nodes)

    async def titles(self, user_ids: Iterable[str]) -> dict[str, str]:
        """Return the names that others see, by id."""
        ids = list(dict.fromkeys(user_ids))
        bases = [self._keys.user(user_id) for user_id in ids]
        names = await gather(self._redis.call(base, "HGET", f"{base}:user", "name") for base in bases)
        return {
            user_id: name.decode() if name else user_id for user_id, name in zip(ids, names, strict=True)
        }

    async def watch(self, user_id: str) -> None:
        """Count the user as connected here. Raises `Forbidden` for one who is banned."""
        check(await self._redis.run(scripts.WATCH, (self._keys.user(user_id),), *self._connected()))

    def _connected(self) -> tuple[Word, ...]:
        return self._pulse.node, self._pulse.born(), self._limits.keep, NODES_KEPT

    async def renew(self, user_id: str) -> None:
        """Do it again, and take out nodes that are dead: those unknown for `DEAD_AFTER`."""
        base = self._keys.user(user_id)
        born_before = f"{int(self._pulse.now / 1000 - DEAD_AFTER):08x}"
        await self._redis.run(scripts.RENEW, (base,), *self._connected(), born_before, *self._pulse.alive)

    async def unwatch(self, user_id: str) -> None:
        """End that."""
        base = self._keys.user(user_id)
        await self._redis.call(base, "SREM", f"{base}:nodes", self._pulse.node)

    async def chatrooms(self, user_id: str) -> list[str]:
        """See `gim.storage.interface.Storage.chatrooms`."""
        base = self._keys.user(user_id)
        return [one.decode() for one in await self._redis.call(base, "HKEYS", f"{base}:rooms")]

    async def join(self, chatroom_id: str, user: User, name: str, create_missing: bool) -> int:
        """See `gim.storage.interface.Storage.join`."""
        session = chatroom_session(chatroom_id)
        name = name or f"chatroom:{chatroom_id}"
        reply = await self._changes.join(session.id, chatroom_id, user, name, create_missing)
        is_full, is_many = reply == b"full", reply == b"many"
        total, is_new = 0, False
        if not (is_full or is_many):
            total, is_full, is_many, is_new = check(reply, chatroom_id)
        if is_new:
            self.tell(MemberJoined(user.id, chatroom_id))
        if is_full:
            self._limits.rooms.is_full(chatroom_id)
        if is_many:
            self._limits.rooms.are_many()
        return int(total)

    async def leave(self, chatroom_id: str, user_id: str) -> None:
        """See `gim.storage.interface.Storage.leave`."""
        session = chatroom_session(chatroom_id)
        if check(await self._changes.leave(session.id, chatroom_id, user_id), chatroom_id):
            self.tell(MemberLeft(user_id, chatroom_id))

    def tell(self, news: Announcement) -> None:
        """Say that a membership began or ended here."""
        if self.observer is not None:
            self.observer.on_announcement(news)

    async def members(
        self, chatroom_id: str, reader: str, after: str, count: int
    ) -> tuple[list[Member], int, bool]:
        """See `gim.storage.interface.Storage.members`."""
        base = self._keys.session(chatroom_session(chatroom_id).id)
        reply = await self._redis.run(scripts.MEMBERS, (base,), reader, after, count + 1)
        ids, total, owner, admins = check(reply, chatroom_id)
        page = [user_id.decode() for user_id in ids[:count]]
        found = await gather(self._look_up(user_id) for user_id in page)
        roles = [_role(one, owner, score) for one, score in zip(ids, admins, strict=True)]
        return await self._states(page, found, roles), total, len(ids) > count

    async def _states(self, ids: list[str], found: list[Any], roles: list[str]) -> list[Member]:
        away = [node for _, nodes in found for node in nodes if not self._pulse.is_alive([node])]
        await self._pulse.is_online(away)
        return [
            Member(user_id, name.decode() if name else user_id, self._pulse.is_alive(nodes), role)
            for user_id, (name, nodes), role in zip(ids, found, roles, strict=False)
        ]


def _role(user_id: bytes, owner: bytes, score: object) -> str:
    """Return the role of a member; administrators have a *score*."""
    return OWNER if user_id == owner else MEMBER if score is None else ADMIN
