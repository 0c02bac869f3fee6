"""Writes on a cluster, where a script can touch one slot only: the session first, then its users."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from msgspec import Struct, msgpack
from msgspec.structs import replace
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from gim.concurrency.gather import gather
from gim.errors import Unavailable
from gim.ids import CHATROOM
from gim.model import MessageStatus, User
from gim.storage.interface import Draft
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store import scripts
from gim.storage.redis.store.atomic_writes import random_tail, storing_words
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.records import value_of
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.retries import WriteRetries
from gim.storage.rules import REQUEST_ID_WINDOW

# How long a user's announcements are remembered: longer than a request can be repeated
ANNOUNCED_KEPT_MS = 2 * REQUEST_ID_WINDOW * 1000
SENT_WITHIN_MS = 3000  # how long before its deadline a message was sent, at most
FIRST_STEP_WITHIN = 0.4  # seconds, so that all steps end in time
ALL_STEPS_WITHIN = 1.9  # seconds until the sender gets an answer
MAX_SEARCHED = 1000  # messages of a session among which one that may have been stored is searched
_NORMAL = MessageStatus.NORMAL.value


class Posted(Struct, frozen=True):
    """A private message that its session holds."""

    draft: Draft
    name: str  # of the sender
    id: str
    sequence: int
    status: int = _NORMAL

    def announcement(self, title: str) -> bytes:
        """Write it as the scripts do: see `gim.storage.redis.store.records`."""
        draft, content = self.draft, self.draft.content if self.status == _NORMAL else ""
        said = draft.sender.id, self.name, draft.category, content, draft.origin
        return msgpack.encode(("m", self.id, draft.session.id, title, self.sequence, self.status, *said))


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
        retries: WriteRetries,
        clock: IReactorTime,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._heartbeat = heartbeat
        self._retention = retention
        self._retries = retries
        self._clock = clock
        self._storing_words = storing_words(retention)

    async def append(self, draft: Draft) -> Any:
        begun = self._clock.seconds()
        name = await self._refer(draft)
        if self._clock.seconds() - begun > FIRST_STEP_WITHIN:
            raise Unavailable("the storage is slow, nothing was stored: send again")
        reply = await self._store(draft, name)
        if not isinstance(reply, bytes) and draft.session.type != CHATROOM:
            posted = Posted(draft, name, reply[0].decode(), *reply[1:])
            await self._index_within(posted, begun + ALL_STEPS_WITHIN - self._clock.seconds())
        return reply

    async def _index_within(self, posted: Posted, seconds: float) -> None:
        """Let the sender wait at most *seconds*; steps under way go on, and are retried if they fail."""
        waiting: Deferred[None] = Deferred()
        Deferred.fromCoroutine(self._index(posted)).addBoth(_hand_on, waiting)
        try:
            await waiting.addTimeout(max(0.0, seconds), self._clock)
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

    async def _store(self, draft: Draft, name: str) -> Any:
        session, tail = draft.session, random_tail()
        base = self._keys.session(session.id)
        deadline = self._redis.deadline(base)
        newest, users_ms = self._heartbeat.newest_seen, self._retention.users_ms
        ours = newest, users_ms, tail, session.id, draft.sender.id, name
        said = draft.category, draft.content, draft.request_id, draft.origin
        of_chatroom = "exempt" if draft.as_admin else "chatroom"
        kind = of_chatroom if session.type == CHATROOM else "private"
        words = deadline, *self._storing_words, *ours, *said, kind
        try:
            return await self._redis.run(scripts.STORE, (base,), *words)
        except Unavailable:
            if session.type != CHATROOM:  # those are announced in the same step
                self._retries.add((tail,), partial(self._recover, draft, name, tail, deadline))
            raise

    async def _recover(self, draft: Draft, name: str, tail: str, deadline: int) -> None:
        """Do the remaining steps of a message that may have been stored: the reply got lost."""
        base = self._keys.session(draft.session.id)
        since = (deadline - SENT_WITHIN_MS) * 1000
        words = f"{base}:ids", since, "+inf", "BYSCORE", "LIMIT", 0, MAX_SEARCHED
        for found in await self._redis.call(base, "ZRANGE", *words):
            if (message_id := found.decode()).endswith(tail):
                await self._with_its_status(Posted(draft, name, message_id, 0), self._index)

    async def _index(self, posted: Posted) -> None:
        """Put the session at the front of both users' lists, and announce the message to them."""
        sender = posted.draft.sender.id
        people = posted.draft.session.peer_of(sender), sender
        await gather(self._index_or_retry(posted, user_id) for user_id in people)

    async def _index_or_retry(self, posted: Posted, user_id: str) -> None:
        """Index the message for one user; retry later if that fails now."""
        try:
            await self._index_one(posted, user_id)
        except Unavailable:
            index = partial(self._index_one, user_id=user_id)
            self._retries.add((posted.id, user_id), partial(self._with_its_status, posted, index))
            raise

    async def _with_its_status(self, posted: Posted, index: Callable[[Posted], Awaitable[None]]) -> None:
        """Index a message as it is now: it may have been recalled, or be gone, since it was stored."""
        base = self._keys.session(posted.draft.session.id)
        packed = await self._redis.call(base, "HGET", f"{base}:messages", posted.id)
        if packed is not None:
            value = value_of(packed)
            await index(replace(posted, sequence=value.sequence, status=value.status))

    async def _index_one(self, posted: Posted, user_id: str) -> None:
        session, sender = posted.draft.session, posted.draft.sender.id
        title, own_name = posted.name, ""
        if user_id == sender:
            title, own_name = await self._title(session.peer_of(sender)), posted.name
        kept = (
            self._heartbeat.retention_start(),
            self._retention.users_ms,
            self._retention.ttl_ms,
            ANNOUNCED_KEPT_MS,
        )
        words = session.id, posted.id, own_name, posted.announcement(title)
        await self._redis.run(scripts.INDEX, (self._keys.user(user_id),), *kept, *words)

    async def _title(self, user_id: str) -> str:
        base = self._keys.user(user_id)
        name: bytes | None = await self._redis.call(base, "HGET", f"{base}:user", "name")
        return name.decode() if name else user_id

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
        """Do that unless the user has left another chatroom and joined this one meanwhile."""
        base = self._keys.user(user_id)
        if not await self._redis.call(base, "HEXISTS", f"{base}:rooms", chatroom_id):
            await self._dismiss(session_id, chatroom_id, user_id)

    async def _dismiss(self, session_id: str, chatroom_id: str, user_id: str) -> Any:
        bases = (self._keys.session(session_id),)
        return await self._redis.run(scripts.DISMISS, bases, user_id, chatroom_id)

    async def leave(self, session_id: str, chatroom_id: str, user_id: str) -> Any:
        reply = await self._dismiss(session_id, chatroom_id, user_id)
        base = self._keys.user(user_id)
        left = "SPUBLISH", user_id, chatroom_id, self._retention.users_ms, "", ""
        was = await self._redis.run(scripts.EXIT, (base,), *left)
        return reply if isinstance(reply, bytes) else was


def _hand_on(result: Any, waiting: Deferred[Any]) -> None:
    if not waiting.called:
        waiting.callback(result)  # a Failure becomes its failure
