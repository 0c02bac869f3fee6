"""Reads all that gim keeps in Redis as the lines of a dump.

What it needs of memory is bounded, but for the ids of the users and sessions that were read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from secrets import token_hex
from typing import Any, Final, NamedTuple, TypeVar

from msgspec import msgpack

from gim.concurrency.gather import gather, gather_some
from gim.errors import BadRequest
from gim.ids import CHATROOM, PRIVATE, SYSTEM, Session
from gim.ids import session as session_of
from gim.storage.message_ids import FIRST, first_id_of
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.client.protocol import Word
from gim.storage.redis.client.script import Script
from gim.storage.redis.store import message_reads
from gim.storage.redis.store.batches import run_for_each
from gim.storage.redis.store.finding import KEYS_PER_SCAN, literal
from gim.storage.redis.store.heartbeat import LAYOUT
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.message_reads import MessageReads, Stored
from gim.storage.redis.store.reading import Reading
from gim.storage.redis.store.records import message_of
from gim.storage.rules import REQUEST_ID_WINDOW, USERS_OUTLIVE_MESSAGES
from gim.storage.transfer.lines import (
    FORMAT,
    BanLine,
    ChatroomLine,
    Entry,
    Head,
    MemberLine,
    MessageLine,
    PrivateLine,
    UserLine,
)
from gim.storage.transfer.positions import id_before, position, score_of
from gim.storage.transfer.redis_client import LOADING, LOST, PRIVATE_STATE

T = TypeVar("T")

_MEMBERS_PER_PAGE: Final = 500
_AT_A_TIME: Final = 64  # reads under way together
_STATE_BYTES: Final = 160  # of what a script says of a session
_SESSIONS_PER_READ: Final = 500  # of a user's list of sessions


class _Page(NamedTuple):
    """Some messages of a session, and the id that the next page comes after, "" for none."""

    messages: list[Stored]
    end: str


class NoData(Exception):
    """There is nothing of gim below the prefix; the text says it in one line."""


class RedisSource:
    """The lines of all that is below a prefix, at one server, a master of Sentinels or a cluster."""

    def __init__(self, redis: Redis, keys: Keys, ttl_ms: int) -> None:
        """Messages that are older than *ttl_ms* are left out, as no server shows them."""
        self._redis = redis
        self._keys = keys
        self._ttl_ms = ttl_ms
        self._reads = MessageReads(keys, ttl_ms)
        self._now_ms = 0

    async def head(self) -> Head:
        """Return the first line. Raises `NoData`."""
        base = self._keys.data
        names = "epoch", "created", "layout"
        epoch, created, layout = await self._redis.call(base, "HMGET", f"{base}:data", *names)
        if layout is None:
            raise NoData("no data of gim is below this prefix: correct --redis-url or --redis-prefix")
        if layout == LOADING.encode():
            raise NoData("a dump was loaded halfway here: load it again, or remove its keys")
        if layout != LAYOUT.encode():
            raise NoData(f"the keys have layout {layout.decode()!r}, and this gim reads {LAYOUT}")
        seconds, micros = await self._redis.call(base, "TIME")
        self._now_ms = int(seconds) * 1000 + int(micros) // 1000
        last = (await self._redis.call(base, "GET", f"{base}:last") or FIRST.encode()).decode()
        last = max(last, first_id_of(self._now_ms)) if self._redis.is_cluster else last
        # A user who was forgotten may have lost what came before; none is while the data set is young.
        is_young = self._now_ms - int(float(created)) < USERS_OUTLIVE_MESSAGES * 1000
        return Head(
            format=FORMAT,
            id=token_hex(8),
            storage="redis",
            taken_at=self._now_ms,
            epoch=epoch.decode(),
            created_at=int(float(created)),
            last_id=position(last),
            lost="" if is_young else first_id_of(self._now_ms),
        )

    async def entries(self) -> AsyncIterator[Entry]:
        """Yield the other lines in their order."""
        async for users in _batches(self._ids(self._keys.around_user("user"))):
            for user in await gather(map(self._user, users)):
                yield user
        async for users in _batches(self._ids(self._keys.around_user("ban"))):
            for ban in filter(None, await gather(map(self._ban, users))):
                yield ban
        async for sessions in _batches(self._sessions(("state", "sequence"), PRIVATE)):
            for session, private, page in await self._privates(sessions):
                if private is not None:
                    yield private
                async for message in self._messages(session, page):
                    yield message
        async for sessions in _batches(self._sessions(("state",), CHATROOM)):
            for session, chatroom, page in await gather(map(self._chatroom, sessions)):
                if chatroom is not None:
                    yield chatroom
                    async for member in self._members(session):
                        yield member
                    async for message in self._messages(session, page):
                        yield message

    # the names of keys

    async def _ids(self, around: tuple[str, str]) -> AsyncIterator[str]:
        """Yield what stands between two texts in the names of keys, each once."""
        before, behind = around
        pattern, seen, cursor = literal(before) + "*" + literal(behind), set[str](), ""
        while True:
            keys, cursor = await self._redis.scan(cursor, pattern, KEYS_PER_SCAN)
            for key in keys:
                found = key.decode(errors="replace")[len(before) : -len(behind)]
                if found not in seen:
                    seen.add(found)
                    yield found
            if not cursor:
                return

    async def _sessions(self, parts: tuple[str, ...], kind: int) -> AsyncIterator[Session]:
        """Yield the sessions of a type that have any of these keys, each once."""
        seen = set[str]()
        for part in parts:
            async for session_id in self._ids(self._keys.around_session(part)):
                try:
                    session = session_of(session_id)
                except BadRequest:  # no session of gim, so no server serves it
                    continue
                if session.type == kind and session_id not in seen:
                    seen.add(session_id)
                    yield session

    # users

    async def _user(self, user_id: str) -> UserLine:
        base = self._keys.user(user_id)
        names = "name", "mark", "lost", "born", "events", "online"
        found = await self._redis.call(base, "HMGET", f"{base}:user", *names)
        name, mark, lost, born, events, online = (one.decode() if one else "" for one in found)
        scores = [int(float(lost or 0)), int(float(born or 0)), await self._lost_in_sessions(base)]
        return UserLine(
            id=user_id,
            name=name or None,
            delivered=position(mark),
            lost=id_before(max(scores)),
            event_number=int(events or 0),
            online=online == "1",
        )

    async def _lost_in_sessions(self, base: str) -> int:
        """Return the score of the newest message that was removed from a user's private sessions."""
        lost, start = 0, 0
        while True:
            words = start, start + _SESSIONS_PER_READ - 1, "WITHSCORES"
            page = await self._redis.call(base, "ZRANGE", f"{base}:sessions", *words)
            bases = [self._keys.session(name.decode()) for name, _ in page]
            found = await self._of_each(LOST, bases, self._floor())
            for (kept, *ids), (_, last) in zip(found, page, strict=True):
                lost = max(
                    lost, *(score_of(one.decode()) for one in ids if one), 0 if kept else int(last)
                )
            if len(page) < _SESSIONS_PER_READ:
                return lost
            start += _SESSIONS_PER_READ

    async def _of_each(self, script: Script, bases: Sequence[str], *words: Word) -> list[Any]:
        """Return what a script says of each session."""
        reading = Reading(self._redis, SYSTEM, is_long=True)
        return await run_for_each(reading, _STATE_BYTES, script, bases, *words)

    def _floor(self) -> int:
        return (self._now_ms - self._ttl_ms) * 1000

    async def _ban(self, user_id: str) -> BanLine | None:
        base = self._keys.user(user_id)
        (since, ends), expires = await gather(
            [
                self._redis.call(base, "HMGET", f"{base}:ban", "since", "ends"),
                self._redis.call(base, "PEXPIRETIME", f"{base}:ban"),
            ]
        )
        if since is None or not (end := int(expires)) > 0:
            return None
        return BanLine(user_id=user_id, since=int(since), until=int(ends), forgotten_at=end)

    # sessions

    async def _privates(self, sessions: list[Session]) -> list[tuple[Session, PrivateLine | None, _Page]]:
        """Return for each session its line, None if nothing is left of it, and its first messages."""
        bases = [self._keys.session(session.id) for session in sessions]
        states, *pages = await gather(
            [self._of_each(PRIVATE_STATE, bases), *(self._page(one, FIRST) for one in sessions)]
        )
        return [
            (session, _private_line(session, state, bool(page.messages)), page)
            for session, state, page in zip(sessions, states, pages, strict=True)
        ]

    async def _chatroom(self, session: Session) -> tuple[Session, ChatroomLine | None, _Page]:
        """Return the line of a chatroom, None if there is none, and the first messages."""
        base = self._keys.session(session.id)
        (name, owner, kept), admins, muted, sequence, members, page = await gather(
            [
                self._redis.call(base, "HMGET", f"{base}:state", "name", "owner", "kept"),
                self._redis.call(base, "ZRANGE", f"{base}:admins", 0, -1),
                self._redis.call(base, "ZRANGE", f"{base}:muted", 0, -1, "WITHSCORES"),
                self._redis.call(base, "GET", f"{base}:sequence"),
                self._redis.call(base, "ZCARD", f"{base}:members"),
                self._page(session, FIRST),
            ]
        )
        if name is None or not (members or kept):
            return session, None, page
        line = ChatroomLine(
            id=session.parts[0],
            name=name.decode(),
            owner_id=(owner or b"").decode(),
            is_kept=kept is not None,
            admins=[one.decode() for one in admins],
            muted={one.decode(): int(end) for one, end in muted if end > self._now_ms},
            sequence=int(sequence or 0),
        )
        return session, line, page

    async def _members(self, session: Session) -> AsyncIterator[MemberLine]:
        """Yield the members of a chatroom in the order of their ids."""
        base, (chatroom_id,), after = self._keys.session(session.id), session.parts, "-"
        while True:
            words = after, "+", "LIMIT", 0, _MEMBERS_PER_PAGE
            found = await self._redis.call(base, "ZRANGEBYLEX", f"{base}:members", *words)
            ids = [one.decode() for one in found]
            if not ids:
                return
            read = await self._redis.call(base, "HMGET", f"{base}:state", *(f"read:{one}" for one in ids))
            joined = await gather_some((self._joined(one, chatroom_id) for one in ids), _AT_A_TIME)
            for user_id, since, upto in zip(ids, joined, read, strict=True):
                yield MemberLine(
                    chatroom_id=chatroom_id,
                    user_id=user_id,
                    joined=since,
                    read=position(upto.decode()) if upto is not None else "",
                )
            after = f"({ids[-1]}"

    async def _joined(self, user_id: str, chatroom_id: str) -> str:
        """Return the id that ranks a membership. A user who is joining now may not have one yet."""
        base = self._keys.user(user_id)
        found = await self._redis.call(base, "HGET", f"{base}:rooms", chatroom_id)
        return found.decode() if found else first_id_of(self._now_ms)

    # messages

    async def _page(self, session: Session, after: str) -> _Page:
        """Return the next messages of a session."""
        reading = Reading(self._redis, SYSTEM, is_long=True)
        while True:
            found = await self._reads.oldest(session.id, after, reading)
            is_last = len(found) < message_reads.IDS_PER_REPLY
            stored = await self._reads.values(found, reading) if found else []
            if stored or is_last:
                return _Page(stored, "" if is_last else found[-1][0])
            after = found[-1][0]  # they were all removed meanwhile

    async def _messages(self, session: Session, page: _Page) -> AsyncIterator[MessageLine]:
        """Yield the lines of the messages of a session, of which the first page is here."""
        while True:
            request_ids = await self._request_ids(session, page.messages)
            for message_id, _, value in page.messages:
                message = message_of(session.id, message_id, value)
                yield MessageLine.of(message, request_ids.get(message_id, ""))
            if not page.end:
                return
            page = await self._page(session, page.end)

    async def _request_ids(self, session: Session, page: list[Stored]) -> dict[str, str]:
        """Return which messages of a page answer a ``request_id`` that is still remembered."""
        young = first_id_of(self._now_ms - REQUEST_ID_WINDOW * 1000)
        senders = {value.sender for message_id, _, value in page if message_id >= young}
        base = self._keys.session(session.id)
        replies = await gather_some(
            (self._redis.call(base, "HGETALL", f"{base}:once:{one}") for one in senders), _AT_A_TIME
        )
        return {
            _answered_by(answer): request_id.decode()
            for reply in replies
            for request_id, answer in reply.items()
        }


def _private_line(session: Session, state: list[bytes], has_messages: bool) -> PrivateLine | None:
    """Return the line of a private session, of what `PRIVATE_STATE` says."""
    *read, sequence = (one.decode() for one in state)
    if not (has_messages or sequence):
        return None
    positions = {
        one: upto
        for one, upto in zip(session.parts, read, strict=True)
        if has_messages and position(upto)
    }
    return PrivateLine(id=session.id, sequence=int(sequence or 0), read=positions)


async def _batches(items: AsyncIterator[T]) -> AsyncIterator[list[T]]:
    """Yield what comes in lists of at most `_AT_A_TIME`."""
    batch: list[T] = []
    async for item in items:
        batch.append(item)
        if len(batch) == _AT_A_TIME:
            yield batch
            batch = []
    if batch:
        yield batch


def _answered_by(answer: bytes) -> str:
    """Return the id of the message that an answer names."""
    found: list[Any] = msgpack.decode(answer)
    message_id: str = found[0]
    return message_id
