"""Writes that change a session and its users. On one server each is one script, in one round trip."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime

from gim.ids import CHATROOM
from gim.model import User
from gim.storage.interface import Draft
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store import scripts
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.private_sends import PrivateSends, random_tail, storing_words
from gim.storage.redis.store.retention import Retention


class Writes(Protocol):
    """Each returns the reply of a script, or b"late", b"none", b"forbidden", b"full" or b"many" for a
    refusal."""

    def append(self, draft: Draft) -> Awaitable[Any]:
        """Store and announce a message; return its id and its sequence, or a `gim.model.Sent` of them."""

    async def join(
        self, session_id: str, chatroom_id: str, user: User, name: str, create_missing: bool = True
    ) -> Any:
        """Make a user a member and announce it.

        Returns the number of members, for each of the two limits of `gim.storage.storage_limits` 1 if
        it was reached, and 1 for a new member.
        """

    async def leave(self, session_id: str, chatroom_id: str, user_id: str) -> Any:
        """End a membership and announce it; return 1 if there was one."""


class AtomicWrites:
    """`Writes` on one server: session, users and announcements in one step."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        heartbeat: Heartbeat,
        retention: Retention,
        private: PrivateSends,
        clock: IReactorTime,
    ) -> None:
        self._redis = redis
        self._private = private
        self._clock = clock
        self._keys = keys
        self._heartbeat = heartbeat
        self._retention = retention
        self._storing_words = storing_words(retention)

    def append(self, draft: Draft) -> Awaitable[Any]:
        if draft.session.type != CHATROOM:
            return self._private.append(draft)
        self._private.flush()  # what the sender sent before is stored before
        keys, session, sender = self._keys, draft.session, draft.sender
        base = keys.session(session.id)
        if draft.answer_by is None:
            deadline = self._redis.deadline(base)
        else:
            deadline = self._redis.deadline(base, draft.answer_by - self._clock.seconds())
        return self._redis.run(
            scripts.SEND_CHATROOM,
            (base, keys.user(sender.id), keys.data),
            deadline,
            *self._storing_words,
            self._heartbeat.retention_start(),
            self._retention.users_ms,
            random_tail(),
            session.id,
            sender.id,
            sender.name,
            draft.category,
            draft.content,
            draft.request_id,
            draft.origin,
            int(draft.as_admin),
        )

    async def join(
        self, session_id: str, chatroom_id: str, user: User, name: str, create_missing: bool = True
    ) -> Any:
        bases = self._keys.session(session_id), self._keys.user(user.id), self._keys.data
        words = user.id, user.name, chatroom_id, name, random_tail()
        kept = self._heartbeat.retention_start(), self._retention.users_ms
        most = *self._retention.rooms.members, *self._retention.rooms.chatrooms
        reply = await self._redis.run(scripts.JOIN, bases, *words, *kept, int(create_missing), *most)
        if not isinstance(reply, bytes):  # what is older is not new to the member
            self._heartbeat.mark_seen(reply.pop().decode())
        return reply

    async def leave(self, session_id: str, chatroom_id: str, user_id: str) -> Any:
        bases = self._keys.session(session_id), self._keys.user(user_id)
        words = user_id, chatroom_id, self._retention.users_ms
        return await self._redis.run(scripts.LEAVE, bases, *words)
