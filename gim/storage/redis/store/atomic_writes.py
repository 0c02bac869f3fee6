"""Writes that change a session and its users. On one server each is one script, in one round trip."""

from __future__ import annotations

from collections.abc import Awaitable
from random import getrandbits
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime

from gim.ids import CHATROOM
from gim.model import User
from gim.storage.interface import Draft
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.client.protocol import Word
from gim.storage.redis.store import scripts
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.retention import Retention
from gim.storage.rules import REQUEST_ID_WINDOW

_VARIANT = 0b10 << 62


class Writes(Protocol):
    """Each returns the reply of a script, or b"late", b"none", b"forbidden", b"full" or b"many" for a
    refusal."""

    def append(self, draft: Draft) -> Awaitable[Any]:
        """Store and announce a message; return its id and its sequence."""

    async def join(
        self, session_id: str, chatroom_id: str, user: User, name: str, create_missing: bool = True
    ) -> Any:
        """Make a user a member and announce it.

        Returns the number of members, for each of the two limits of `gim.storage.storage_limits` 1 if
        it was reached, and 1 for a new member.
        """

    async def leave(self, session_id: str, chatroom_id: str, user_id: str) -> Any:
        """End a membership and announce it; return 1 if there was one."""


def random_tail() -> str:
    """Return the 16 hex digits that end an id: the variant of RFC 9562, and 62 random bits."""
    return f"{_VARIANT | getrandbits(62):016x}"


def storing_words(retention: Retention) -> tuple[Word, ...]:
    """Return the limits that the scripts take which store a message."""
    return (
        retention.ttl_ms,
        retention.max_session_messages,
        int(retention.sequences),
        REQUEST_ID_WINDOW * 1000,
        retention.request_ids_per_sender,
    )


class AtomicWrites:
    """`Writes` on one server: session, users and announcements in one step."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        heartbeat: Heartbeat,
        retention: Retention,
        clock: IReactorTime,
    ) -> None:
        self._redis = redis
        self._clock = clock
        self._keys = keys
        self._heartbeat = heartbeat
        self._retention = retention
        self._storing_words = storing_words(retention)

    def append(self, draft: Draft) -> Awaitable[Any]:
        keys, session, sender = self._keys, draft.session, draft.sender
        base = keys.session(session.id)
        if draft.answer_by is None:
            deadline = self._redis.deadline(base)
        else:
            deadline = self._redis.deadline(base, draft.answer_by - self._clock.seconds())
        bounds = deadline, *self._storing_words
        ours = (
            self._heartbeat.retention_start(),
            self._retention.users_ms,
            random_tail(),
            session.id,
            sender.id,
            sender.name,
        )
        said = draft.category, draft.content, draft.request_id, draft.origin
        if session.type == CHATROOM:
            bases: tuple[str, ...] = base, keys.user(sender.id), keys.data
            return self._redis.run(
                scripts.SEND_CHATROOM, bases, *bounds, *ours, *said, int(draft.as_admin)
            )
        peer = session.peer_of(sender.id)
        bases = base, keys.user(sender.id), keys.user(peer), keys.data
        return self._redis.run(
            scripts.SEND_PRIVATE,
            bases,
            *bounds,
            *ours,
            peer,
            *said,
            int(draft.is_alone),
            self._heartbeat.node,
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
