"""Writes on a cluster, where a script can touch one slot only: the session first, then its users."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, TimeoutError
from twisted.internet.interfaces import IReactorTime

from gim.concurrency.deadline import ANSWER_TIMEOUT, shielded
from gim.errors import Unavailable
from gim.ids import CHATROOM, Session
from gim.model import MessageStatus, User
from gim.storage.announcements import MemberLeft
from gim.storage.interface import Draft
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store import scripts
from gim.storage.redis.store.cluster_announcements import ClusterAnnouncements, Posted
from gim.storage.redis.store.exits import Exits
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.private_sends import random_tail, storing_words
from gim.storage.redis.store.records import Value
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.retries import WriteRetries

SENT_WITHIN_MS = 3000  # how long before its deadline a message was sent, at most
FIRST_STEP_WITHIN = 0.4  # seconds, so that all steps end in time
MAX_SEARCHED = 1000  # messages of a session among which one that may have been stored is searched
_NORMAL = MessageStatus.NORMAL.value


class ClusterWrites:
    """`Writes` on a cluster.

    A message counts once its session holds it. The lists of its two users and the announcements follow
    before the reply. If they fail they are repeated: by this node while it lives, or when the sender
    repeats the request.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        heartbeat: Heartbeat,
        retention: Retention,
        announcements: ClusterAnnouncements,
        exits: Exits,
        retries: WriteRetries,
        clock: IReactorTime,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._heartbeat = heartbeat
        self._retention = retention
        self._announcements = announcements
        self._exits = exits
        self._retries = retries
        self._clock = clock
        self._storing_words = storing_words(retention)

    async def append(self, draft: Draft) -> Any:
        begun = self._clock.seconds()
        end = draft.answer_by or begun + ANSWER_TIMEOUT
        name = await self._refer(draft)
        if self._clock.seconds() - begun > FIRST_STEP_WITHIN:
            raise Unavailable("the storage is slow, nothing was stored: send again")
        reply = await self._store(draft, name, end)
        if isinstance(reply, bytes) or draft.session.type == CHATROOM:
            return reply
        announcing = self._announce(draft, name, *reply)
        await self._until(end, announcing)
        return reply if isinstance(reply[2], int) else reply[:2]

    async def _announce(
        self, draft: Draft, name: str, packed_id: bytes, sequence: int, previous: bytes | int
    ) -> None:
        """Announce what was stored now or, where *previous* is a status, with an earlier request."""
        message_id = packed_id.decode()
        if isinstance(previous, int):
            await self._announce_found(draft.session, message_id)
            return
        said = draft.category, draft.content, draft.origin
        value = Value(sequence, _NORMAL, draft.sender.id, name, *said)
        await self._announcements.announce(Posted(draft.session, message_id, value, previous.decode()))

    async def _announce_found(self, session: Session, message_id: str) -> None:
        posted = await self._announcements.read(session, message_id)
        if posted is not None:
            await self._announcements.announce(posted)

    async def _until(self, end: float, step: Awaitable[Any]) -> Any:
        """Let the sender wait for a step until *end* at most. The step goes on after that, and is retried
        if it fails."""
        waiting = shielded(step)
        try:
            return await waiting.addTimeout(max(0.0, end - self._clock.seconds()), self._clock)
        except TimeoutError:
            raise Unavailable(
                "the storage is slow: repeat this with the same request_id, if it has one"
            ) from None

    async def _refer(self, draft: Draft) -> str:
        """Return the name that the sender has."""
        words = self._heartbeat.retention_start(), self._retention.users_ms, draft.sender.name
        base = self._keys.user(draft.sender.id)
        name: bytes = await self._redis.run(scripts.REFER, (base,), *words)
        return name.decode()

    async def _store(self, draft: Draft, name: str, end: float) -> Any:
        session, tail = draft.session, random_tail()
        base = self._keys.session(session.id)
        deadline = self._redis.deadline(base, end - self._clock.seconds())
        newest, users_ms = self._heartbeat.newest_seen, self._retention.users_ms
        ours = newest, users_ms, tail, session.id, draft.sender.id, name
        said = draft.category, draft.content, draft.request_id, draft.origin
        of_chatroom = "exempt" if draft.as_admin else "chatroom"
        kind = of_chatroom if session.type == CHATROOM else "private"
        words = deadline, *self._storing_words, *ours, *said, kind
        try:
            return await self._until(end, self._redis.run(scripts.STORE, (base,), *words))
        except (Unavailable, CancelledError):  # the sender may be gone
            if session.type != CHATROOM:  # those are announced in the same step
                self._retries.add((tail,), partial(self._recover, draft, tail, deadline))
            raise

    async def _recover(self, draft: Draft, tail: str, deadline: int) -> None:
        """Do the remaining steps of a message that may have been stored: the reply got lost."""
        base = self._keys.session(draft.session.id)
        since = (deadline - SENT_WITHIN_MS) * 1000
        words = f"{base}:ids", since, "+inf", "BYSCORE", "LIMIT", 0, MAX_SEARCHED
        for found in await self._redis.call(base, "ZRANGE", *words):
            if (message_id := found.decode()).endswith(tail):
                await self._announce_found(draft.session, message_id)

    async def join(
        self, session_id: str, chatroom_id: str, user: User, name: str, create_missing: bool = True
    ) -> Any:
        base, rooms = self._keys.session(session_id), self._retention.rooms
        words: tuple[Any, ...] = user.id, name, int(create_missing), *rooms.members
        admitted = await self._redis.run(scripts.ADMIT, (base,), *words)
        if isinstance(admitted, bytes):
            return admitted
        words = user.id, user.name, chatroom_id, self._heartbeat.newest_seen, random_tail()
        kept = self._heartbeat.retention_start(), self._retention.users_ms, *rooms.chatrooms
        entered = await self._redis.run(scripts.ENTER, (self._keys.user(user.id),), *words, *kept)
        if entered == b"many":
            await self._undo_join(session_id, chatroom_id, user.id)
            return entered
        rank, is_many, is_new = entered
        self._heartbeat.mark_seen(rank.decode())
        return [*admitted, is_many, is_new]

    async def _undo_join(self, session_id: str, chatroom_id: str, user_id: str) -> None:
        """Remove a member whose own list of chatrooms could not take the chatroom."""
        try:
            await self._dismiss(session_id, chatroom_id, user_id)
        except Unavailable:
            undo = partial(self._undo_join_later, session_id, chatroom_id, user_id)
            self._retries.add((session_id, user_id), undo)

    async def _undo_join_later(self, session_id: str, chatroom_id: str, user_id: str) -> None:
        """Remove the member unless the user has left another chatroom and joined this one meanwhile."""
        base = self._keys.user(user_id)
        if not await self._redis.call(base, "HEXISTS", f"{base}:rooms", chatroom_id):
            await self._dismiss(session_id, chatroom_id, user_id)

    async def _dismiss(self, session_id: str, chatroom_id: str, user_id: str) -> Any:
        bases = (self._keys.session(session_id),)
        return await self._redis.run(scripts.DISMISS, bases, user_id, chatroom_id)

    async def leave(self, session_id: str, chatroom_id: str, user_id: str) -> Any:
        reply = await self._dismiss(session_id, chatroom_id, user_id)
        was = await self._exits.exit(MemberLeft(user_id, chatroom_id))
        return reply if isinstance(reply, bytes) and not was else int(was)
