"""Chatrooms on Redis as their roles change them, and recalls."""

from __future__ import annotations

from typing import Any

from gim.concurrency.gather import gather
from gim.ids import CHATROOM, Session, chatroom_session
from gim.model import DISMISSED, REMOVED, User
from gim.storage.interface import RECALL_WITHIN, MemberLeft
from gim.storage.redis.client.interface import Redis, Retention
from gim.storage.redis.client.protocol import Word
from gim.storage.redis.client.script import Script
from gim.storage.redis.store import scripts
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.people import People
from gim.storage.redis.store.records import recall_payload
from gim.storage.redis.store.script_errors import check

_AT_A_TIME = 200  # members whose part of a dismissal is done in one round trip


class Roles:
    """Each is one script at the chatroom. Where users are concerned theirs follows, on a cluster or not:
    a fault between the two leaves them listed where they are no members, until it is done again."""

    def __init__(self, redis: Redis, keys: Keys, people: People, limits: Retention) -> None:
        self._redis = redis
        self._keys = keys
        self._people = people
        self._limits = limits

    def _base(self, chatroom_id: str) -> str:
        return self._keys.session(chatroom_session(chatroom_id).id)

    async def _act(self, script: Script, chatroom_id: str, *words: Word) -> Any:
        """Run a script that announces what it did in the chatroom."""
        shared = self._redis.publish, chatroom_id
        reply = await self._redis.run(script, (self._base(chatroom_id),), *shared, *words)
        return check(reply, chatroom_id)

    async def create(self, chatroom_id: str, name: str, owner: User | None) -> None:
        """See `gim.storage.interface.Storage.create`."""
        name = name or f"chatroom:{chatroom_id}"
        base = self._base(chatroom_id)
        words = name, owner.id if owner is not None else ""
        check(await self._redis.run(scripts.CREATE, (base,), *words), chatroom_id)
        if owner is not None:
            await self._people.join(chatroom_id, owner, name, True)

    async def rename(self, chatroom_id: str, by: str, name: str) -> None:
        """See `gim.storage.interface.Storage.rename`."""
        await self._act(scripts.RENAME, chatroom_id, by, name)

    async def dismiss(self, chatroom_id: str, by: str) -> None:
        """See `gim.storage.interface.Storage.dismiss`."""
        base = self._base(chatroom_id)
        check(await self._redis.run(scripts.DISBAND, (base,), by), chatroom_id)
        while going := await self._redis.call(base, "ZRANGE", f"{base}:going", 0, _AT_A_TIME - 1):
            back = await self._redis.call(base, "ZMSCORE", f"{base}:members", *going)
            gone = [one.decode() for one, score in zip(going, back, strict=True) if score is None]
            await gather(self._exit(chatroom_id, one, DISMISSED, by) for one in gone)
            await self._redis.call(base, "ZREM", f"{base}:going", *going)

    async def remove(self, chatroom_id: str, by: str, user_id: str) -> None:
        """See `gim.storage.interface.Storage.remove`."""
        await self._act(scripts.REMOVE, chatroom_id, by, user_id, self._limits.ttl)
        await self._exit(chatroom_id, user_id, REMOVED, by)

    async def _exit(self, chatroom_id: str, user_id: str, why: str, by: str) -> None:
        words = self._redis.publish, user_id, chatroom_id, self._limits.keep, why, by
        if await self._redis.run(scripts.EXIT, (self._keys.user(user_id),), *words):
            self._people.tell(MemberLeft(user_id, chatroom_id, why, by))

    async def mute(self, chatroom_id: str, by: str, user_id: str, duration: int) -> int:
        """See `gim.storage.interface.Storage.mute`."""
        (until,) = await self._act(scripts.MUTE, chatroom_id, by, user_id, duration)
        return int(until)

    async def appoint(self, chatroom_id: str, by: str, user_id: str, role: str) -> None:
        """See `gim.storage.interface.Storage.appoint`."""
        await self._act(scripts.APPOINT, chatroom_id, by, user_id, role)

    async def recall(self, session: Session, by: str, message_id: str) -> None:
        """See `gim.storage.interface.Storage.recall`."""
        chatroom_id = session.parts[0] if session.type == CHATROOM else ""
        words = self._redis.publish, chatroom_id, by, message_id, self._limits.ttl, RECALL_WITHIN
        reply = await self._redis.run(scripts.RECALL, (self._keys.session(session.id),), *words)
        check(reply, session.parts[0])
        if not chatroom_id:
            payload = recall_payload(session.id, by, message_id)
            bases = [self._keys.user(user_id) for user_id in session.parts]
            await gather(self._redis.call(one, self._redis.publish, one, payload) for one in bases)
