"""The inbox of one user on Redis: their sessions, and the private messages they missed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from gim import ids
from gim.concurrency.gather import gather
from gim.ids import CHATROOM, PRIVATE, Session, chatroom_session
from gim.model import Message, SessionItem
from gim.storage.announcements import MessageStored
from gim.storage.interface import Missed, Position
from gim.storage.message_ids import FIRST, first_id_of
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store import scripts
from gim.storage.redis.store.batches import run_for_each
from gim.storage.redis.store.delivery_marks import DeliveryMarks
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.message_reads import (
    MESSAGES_PER_PAGE,
    Found,
    LaterMessages,
    MessageReads,
    NewerMessages,
)
from gim.storage.redis.store.people import People
from gim.storage.redis.store.reading import MESSAGE_BYTES, READS_AT_A_TIME, Reading
from gim.storage.redis.store.records import message_of, time_of, value_of
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.subscriptions import Subscription

_RANK_DIGITS = 16  # digits of an id that rank a session: its time, its version and its counter
_TIES = 16  # sessions of the same rank that a page passes over, at most: on one server there are none
_LISTED_BYTES = 192  # what a session or a chatroom takes in a list; ids are mostly short
_RANK_BYTES = 64
_SESSIONS_AT_A_TIME = 32  # whose missed messages are looked for in one round trip
_ALL = -1  # sessions


def rank_of_score(score: bytes) -> str:
    """Return the beginning of the id that has this score."""
    ms, micros = divmod(int(float(score)), 1000)
    return f"{ms:012x}7{micros:03x}"


def score_of(rank: str) -> int:
    """Return the score of an id or of its beginning: microseconds."""
    micros = min(max(int(rank[12:16], 16) - 0x7000, 0), 1000)
    return int(rank[:12], 16) * 1000 + micros


class Inbox:
    """A page of sessions takes three round trips, missed messages take four or more."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        heartbeat: Heartbeat,
        people: People,
        marks: DeliveryMarks,
        retention: Retention,
        overlap_ms: int,
    ) -> None:
        """*overlap_ms* is how far before a point `missed` begins: a cluster may announce a message after
        a newer message of another session."""
        self._redis = redis
        self._keys = keys
        self._heartbeat = heartbeat
        self._people = people
        self._marks = marks
        self._retention = retention
        self._overlap_ms = overlap_ms
        self._reads = MessageReads(keys, retention.ttl_ms)

    def newest_rank(self) -> str:
        """See `gim.storage.interface.Messages.newest_rank`."""
        return self._heartbeat.resume_point()

    async def sessions(
        self, user_id: str, kind: int | None, after: Position | None, count: int, since: str = FIRST
    ) -> tuple[list[SessionItem], Position | None]:
        """See `gim.storage.interface.Messages.sessions`."""
        reading = Reading(self._redis, user_id)
        ranks = await self._ranks(user_id, kind, after, count + 1, reading)
        ranks = [one for one in ranks if one[0] > since]
        page = ranks[:count]
        items = await self._items(user_id, [session for _, session in page], reading)
        if len(ranks) <= count:
            return items, None
        rank, session = page[-1]
        return items, (rank, session.id)

    async def _ranks(
        self, user_id: str, kind: int | None, after: Position | None, count: int, reading: Reading
    ) -> list[tuple[str, Session]]:
        top = score_of(after[0]) if after else "+inf"
        private = 0 if kind == CHATROOM else count + (_TIES if after else 0)
        words = top, private, self._retention.ttl_ms, int(kind != PRIVATE)
        size, base = count * _LISTED_BYTES, self._keys.user(user_id)
        flat, rooms = await reading.run_whole(size, scripts.LISTED, (base,), *words)
        ranks = [
            (rank_of_score(score), ids.session(name.decode()))
            for name, score in zip(flat[::2], flat[1::2], strict=True)
        ]
        ranks += await self._chatroom_ranks(rooms, reading)
        ranks.sort(key=_position, reverse=True)
        return [one for one in ranks if after is None or _position(one) < after][:count]

    async def _chatroom_ranks(self, rooms: list[bytes], reading: Reading) -> list[tuple[str, Session]]:
        sessions = [chatroom_session(room.decode()) for room in rooms[::2]]
        bases = [self._keys.session(session.id) for session in sessions]
        words = _RANK_BYTES, scripts.NEWEST, bases, self._retention.ttl_ms
        newest = await run_for_each(reading, *words)
        return [
            ((last or joined)[:_RANK_DIGITS].decode(), session)
            for last, joined, session in zip(newest, rooms[1::2], sessions, strict=True)
        ]

    async def _items(self, user_id: str, sessions: list[Session], reading: Reading) -> list[SessionItem]:
        peers = [session.peer_of(user_id) for session in sessions if session.type == PRIVATE]
        works = [self._people.titles(peers, reading), self._lines(user_id, sessions, reading)]
        titles, lines = await gather(works)
        return [
            SessionItem(
                session.id,
                session.type,
                name if session.type == CHATROOM else titles[session.peer_of(user_id)],
                last,
                unread,
            )
            for session, (name, last, unread) in zip(sessions, lines, strict=True)
        ]

    async def _lines(
        self, user_id: str, sessions: list[Session], reading: Reading
    ) -> list[tuple[str, Message | None, int]]:
        bases = [self._keys.session(session.id) for session in sessions]
        words = user_id, self._retention.ttl_ms
        replies = await run_for_each(reading, MESSAGE_BYTES, scripts.LINE, bases, *words)
        return [_line(session, reply) for session, reply in zip(sessions, replies, strict=True)]

    async def missed(self, user_id: str, since: str | None, limit: int) -> Missed:
        """See `gim.storage.interface.Messages.missed`."""
        if since is not None and self._overlap_ms:
            since = first_id_of(time_of(since) - self._overlap_ms)
        reading = Reading(self._redis, user_id)
        most = _ALL if since is None else limit + 1 + _TIES
        point, whole, flat = await self._unseen(user_id, since or "", most, reading)
        but = user_id if since is None else ""
        newest, is_whole = await self._newest(point, but, limit, flat, reading)
        if since is None and not newest and flat:  # the next call need not pass over the own messages
            self._marks.move(user_id, rank_of_score(flat[1]) + "0" * (32 - _RANK_DIGITS))
        if newest and not self._redis.is_cluster:  # not to be announced again after a reconnect
            self._heartbeat.mark_seen(newest[-1][0])
        if not newest:
            return Missed([], {}, since is None or (whole and is_whole))
        wanted = newest[-limit:]
        now, later = wanted[:MESSAGES_PER_PAGE], wanted[MESSAGES_PER_PAGE:]
        sessions = {ids.session(session_id) for session_id in {one[1] for one in wanted}}
        peers = [session.peer_of(user_id) for session in sessions]
        found, titles = await gather(
            [self._reads.values(now, reading), self._people.titles(peers, reading)]
        )
        is_whole = is_whole and len(found) == len(now)  # else some were removed meanwhile
        return Missed(
            [message_of(session_id, one, value) for one, session_id, value in found],
            {session.id: titles[session.peer_of(user_id)] for session in sessions},
            len(newest) <= limit and (since is None or (whole and is_whole)),
            LaterMessages(self._reads, self._redis, user_id, later) if later else None,
        )

    def look_up(self, subscription: Subscription) -> Callable[[], Awaitable[list[MessageStored]]]:
        """Return a function that finds the private messages which a subscription missed: see `news`."""
        newer = self.newer(subscription.user_id, subscription.point)
        return lambda: self.news(subscription.user_id, newer)

    def newer(self, user_id: str, point: str) -> NewerMessages:
        """Return a reader of the private messages after *point*, for `news`."""
        reading = Reading(self._redis, user_id, is_long=True)

        async def sessions(after: str) -> list[str]:
            _, _, flat = await self._unseen(user_id, after, _ALL, reading)
            return [name.decode() for name in flat[::2]]

        return NewerMessages(self._reads, reading, sessions, point)

    async def news(self, user_id: str, newer: NewerMessages) -> list[MessageStored]:
        """Return the next private messages as announcements, ascending; none at the end."""
        found = await newer.next()
        sessions = {session_id: ids.session(session_id) for _, session_id, _ in found}
        peers = [one.peer_of(user_id) for one in sessions.values()]
        titles = await self._people.titles(peers, newer.reading)
        return [
            MessageStored(
                message_of(session_id, message_id, value),
                sessions[session_id],
                titles[sessions[session_id].peer_of(user_id)],
                value.origin,
                user_id,
            )
            for message_id, session_id, value in found
        ]

    async def _unseen(
        self, user_id: str, since: str, count: int, reading: Reading
    ) -> tuple[str, bool, list[bytes]]:
        """Return a point, whether nothing after it is known to be lost, and sessions with newer messages,
        each followed by the score of its newest message, newest first.

        The point is *since*, or the delivery mark for "". The list is read in one step: a session that
        moves to its front between two steps would be on no page.
        """
        words = since, self._retention.ttl_ms, self._heartbeat.retention_start(), count
        size, base = READS_AT_A_TIME * _LISTED_BYTES, self._keys.user(user_id)
        point, whole, flat = await reading.run_whole(size, scripts.UNSEEN, (base,), *words)
        return point.decode(), whole == 1, flat

    async def _newest(
        self, point: str, but: str, limit: int, flat: list[bytes], reading: Reading
    ) -> tuple[list[Found], bool]:
        """Return up to *limit* + 1 messages, ascending, and whether nothing between them was lost.

        Sessions come in the order of their newest messages. Once enough messages are found, sessions
        whose newest message is older than all of them are not asked.
        """
        found: list[Found] = []
        is_whole, after = True, point
        waiting = list(zip(flat[::2], flat[1::2], strict=True))
        at_a_time = min(limit + 1, _SESSIONS_AT_A_TIME)  # a session has a newer message, as a rule
        while waiting and float(waiting[0][1]) >= score_of(after):
            some, waiting = waiting[:at_a_time], waiting[at_a_time:]
            works = [
                self._reads.newest(name.decode(), after, but, limit + 1, reading) for name, _ in some
            ]
            for some_found, nothing_lost in await gather(works):
                found += some_found
                is_whole = is_whole and nothing_lost
            found = sorted(found)[-limit - 1 :]
            if len(found) > limit:
                after = max(point, found[0][0])
        return found, is_whole


def _line(session: Session, reply: list[Any]) -> tuple[str, Message | None, int]:
    """Return a chatroom's name, the newest message and the number of unread ones."""
    last_id, packed, unread, name = reply
    last = message_of(session.id, last_id.decode(), value_of(packed)) if packed else None
    return name.decode(), last, unread


def _position(ranked: tuple[str, Session]) -> Position:
    return ranked[0], ranked[1].id
