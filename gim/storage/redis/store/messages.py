"""Messages on Redis: storing, reading, read positions."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from msgspec.structs import replace
from twisted.internet.interfaces import IReactorTime

from gim.concurrency.deadline import ANSWER_TIMEOUT, shielded, within
from gim.errors import Unavailable
from gim.ids import CHATROOM, Session
from gim.limits.rate_per_second import RatePerSecond
from gim.model import Message, Sent
from gim.storage.announcements import MessageStored
from gim.storage.interface import Draft
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store import scripts
from gim.storage.redis.store.atomic_writes import Writes
from gim.storage.redis.store.delivery_marks import DeliveryMarks
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.inbox import Inbox
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.message_reads import MessageReads, NewerMessages
from gim.storage.redis.store.reading import Reading, bytes_for
from gim.storage.redis.store.records import message_of, messages_of, read_payload, time_of
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.script_errors import check

SECOND_ATTEMPT_WITHIN = 0.4  # seconds, so that there is time enough for both attempts


class RedisMessages:
    """Implements `gim.storage.interface.Messages`, with the inbox and the delivery marks.

    Each operation here is one round trip, except `append` and `mark_read` on a cluster, and a
    history of large messages.
    """

    append_at_once = None

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        heartbeat: Heartbeat,
        writes: Writes,
        inbox: Inbox,
        marks: DeliveryMarks,
        retention: Retention,
        send_rate: RatePerSecond,
        clock: IReactorTime,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._heartbeat = heartbeat
        self._writes = writes
        self._retention = retention
        self._count_send = send_rate.take
        self._clock = clock
        self.newest_rank = inbox.newest_rank
        self.sessions = inbox.sessions
        self.missed = inbox.missed
        self.delivered = marks.move
        self.stored = 0  # messages since the start, without those of `PrivateSends`

    async def append(self, draft: Draft, /) -> Sent:
        """See `gim.storage.interface.Messages.append`."""
        self._count_send(draft.sender.id)
        begun = self._clock.seconds()
        reply = await self._writes.append(draft)
        if reply == b"late" and self._has_time_for_another(begun):  # then one of the clocks was set
            await self._redis.measure(self._keys.session(draft.session.id))
            if self._has_time_for_another(begun):
                reply = await self._append_again(draft, begun + ANSWER_TIMEOUT)
        return self._sent(draft.session, reply)

    async def _append_again(self, draft: Draft, end: float) -> Any:
        """Make another attempt, which ends as soon as the first one would have."""
        end = min(end, draft.answer_by or end)
        work = _await(self._writes.append(replace(draft, answer_by=end)))
        return await within(max(0.0, end - self._clock.seconds()), self._clock, work)

    def _has_time_for_another(self, begun: float) -> bool:
        """Say whether there is time for another attempt."""
        return self._clock.seconds() - begun < SECOND_ATTEMPT_WITHIN

    def _sent(self, session: Session, reply: Any) -> Sent:
        if type(reply) is Sent:
            return reply
        if reply == b"late":
            raise Unavailable("the storage was too slow, nothing was stored: send again")
        message_id = check(reply, session.parts[0])[0].decode()
        self._heartbeat.answered(message_id)
        self.stored += len(reply) == 2  # else it was asked for again
        return Sent(message_id, session.id, reply[1], time_of(message_id))

    async def history(
        self, session: Session, reader: str, before: str | None, count: int
    ) -> tuple[list[Message], bool]:
        """See `gim.storage.interface.Messages.history`."""
        found = await self._newest(session, reader, before or "", count + 1)
        return found[:count][::-1], len(found) > count

    async def _newest(self, session: Session, reader: str, before: str, count: int) -> list[Message]:
        """Return the newest messages before one, newest first, in as many replies as their bytes need."""
        reading, base = Reading(self._redis, reader), self._keys.session(session.id)
        found: list[Message] = []
        needed, left = 1, count
        while needed:
            size = bytes_for(left, needed)
            words = int(session.type == CHATROOM), reader, before, left, self._retention.ttl_ms, size
            reply = await reading.run(size, scripts.HISTORY, (base,), *words)
            ids, values, needed = check(reply, session.parts[0])
            found += messages_of(session.id, ids, values)
            left -= len(ids)
            before = ids[-1].decode() if ids else before
        return found

    def newer(self, session: Session, point: str) -> NewerMessages:
        """Return a reader of a session's messages after *point*."""

        async def sessions(after: str) -> list[str]:
            return [session.id]

        reading = Reading(self._redis, session.id, is_long=True)
        return NewerMessages(MessageReads(self._keys, self._retention.ttl_ms), reading, sessions, point)

    async def news(self, session: Session, newer: NewerMessages) -> list[MessageStored]:
        """Return the next messages of a chatroom as announcements, ascending; none at the end."""
        found = await newer.next()
        title = await self._chatroom_name(session) if found else ""
        return [
            MessageStored(message_of(session.id, message_id, value), session, title, "", "")
            for message_id, _, value in found
        ]

    async def _chatroom_name(self, session: Session) -> str:
        """Return the name of a chatroom that has messages."""
        base = self._keys.session(session.id)
        name = await self._redis.call(base, "HGET", f"{base}:state", "name")
        return (name or b"").decode()

    async def mark_read(self, session: Session, reader: str, message_id: str) -> int:
        """See `gim.storage.interface.Messages.mark_read`."""
        return await shielded(self._mark_read(session, reader, message_id))  # the announcement follows

    async def _mark_read(self, session: Session, reader: str, message_id: str) -> int:
        base, channel = self._keys.session(session.id), self._keys.user(reader)
        bases = (base,) if self._redis.is_cluster else (base, channel)
        words = int(session.type == CHATROOM), reader, message_id, self._retention.ttl_ms, session.id
        reply = await self._redis.run(scripts.MARK_READ, bases, *words)
        unread, position = check(reply, session.parts[0])
        if position and self._redis.is_cluster:
            await self._announce_read(channel, read_payload(session.id, position.decode(), unread))
        return int(unread)

    async def _announce_read(self, channel: str, payload: bytes) -> None:
        """Announce a read position to the reader, whose server is another one than the session's.

        The position has moved, and a request that is repeated would not move it again: a fault here is no
        reason to refuse the answer.
        """
        with suppress(Unavailable):
            await self._redis.call(channel, self._redis.publish, channel, payload)


async def _await(work: Awaitable[Any]) -> Any:
    return await work
