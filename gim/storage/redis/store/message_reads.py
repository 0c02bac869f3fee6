"""Finds the ids of messages first, and then reads the messages in replies of bounded size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

from gim.concurrency.gather import gather_some
from gim.model import Message
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store import scripts
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.reading import BYTES_PER_REPLY, MESSAGE_BYTES, Reading, bytes_for
from gim.storage.redis.store.records import Value, message_of, value_of

IDS_PER_REPLY = 500
ID_BYTES = 48  # of an id in a reply
SESSIONS_AT_A_TIME = 32  # sessions that are read in one round trip
MESSAGES_PER_PAGE = BYTES_PER_REPLY // MESSAGE_BYTES

Found = tuple[str, str]  # message id, session id
Stored = tuple[str, str, Value]  # and what is stored


class MessageReads:
    """Reads of the messages of sessions."""

    def __init__(self, keys: Keys, ttl_ms: int) -> None:
        """*ttl_ms* is how long a message is kept."""
        self._keys = keys
        self._ttl_ms = ttl_ms

    async def newest(
        self, session_id: str, point: str, but: str, limit: int, reading: Reading
    ) -> tuple[list[Found], bool]:
        """Return the newest *limit* messages of a session after a point, without those of the user *but*
        ("" for none), and whether none after the point was lost."""
        found: list[Found] = []
        base, before, is_whole = self._keys.session(session_id), "", True
        while len(found) < limit:
            wanted = min(limit - len(found), IDS_PER_REPLY)
            words = point, before, but, wanted, self._ttl_ms
            size = wanted * ID_BYTES
            ids, nothing_lost = await reading.run(size, scripts.AFTER, (base,), *words)
            is_whole = is_whole and nothing_lost == 1
            found += [(message_id.decode(), session_id) for message_id in ids]
            if len(ids) < wanted:
                break
            before = found[-1][0]
        return found, is_whole

    async def oldest(self, session_id: str, point: str, reading: Reading) -> list[Found]:
        """Return the oldest `IDS_PER_REPLY` messages of a session after a point, ascending."""
        words = point, IDS_PER_REPLY, self._ttl_ms
        size, base = IDS_PER_REPLY * ID_BYTES, self._keys.session(session_id)
        ids = await reading.run(size, scripts.SINCE, (base,), *words)
        return [(message_id.decode(), session_id) for message_id in ids]

    async def values(self, found: Iterable[Found], reading: Reading) -> list[Stored]:
        """Return what is stored of messages, ascending, without those that were removed meanwhile."""
        of_session: dict[str, list[str]] = defaultdict(list)
        for message_id, session_id in found:
            of_session[session_id].append(message_id)
        works = (self._of_session(*one, reading) for one in of_session.items())
        pages: list[list[Stored]] = await gather_some(works, SESSIONS_AT_A_TIME)
        return sorted((message for page in pages for message in page), key=_id_of)

    async def _of_session(self, session_id: str, ids: list[str], reading: Reading) -> list[Stored]:
        messages: list[Stored] = []
        base, needed = self._keys.session(session_id), 0
        while ids:
            some = ids[:MESSAGES_PER_PAGE]
            size = bytes_for(len(some), needed)
            values, needed = await reading.run(size, scripts.VALUES, (base,), size, *some)
            messages += [
                (message_id, session_id, value_of(value))
                for message_id, value in zip(some, values, strict=False)
                if value is not None
            ]
            ids = ids[len(values) :]
        return messages


class LaterMessages:
    """Implements `gim.storage.interface.LaterMessages`."""

    def __init__(self, reads: MessageReads, redis: Redis, user_id: str, found: list[Found]) -> None:
        self.ids = [message_id for message_id, _ in found]
        self._reads = reads
        self._redis = redis
        self._user_id = user_id
        self._waiting = found

    async def read(self) -> list[Message]:
        """See `gim.storage.interface.LaterMessages.read`."""
        while self._waiting:
            page = self._waiting[:MESSAGES_PER_PAGE]
            messages = await self._reads.values(page, Reading(self._redis, self._user_id, is_long=True))
            self._waiting = self._waiting[len(page) :]
            if messages:
                return [message_of(session_id, one, value) for one, session_id, value in messages]
        return []


class NewerMessages:
    """All messages of some sessions after a point, a page at a time, ascending."""

    def __init__(
        self,
        reads: MessageReads,
        reading: Reading,
        sessions: Callable[[str], Awaitable[list[str]]],
        point: str,
    ) -> None:
        """*sessions* returns the ids of the sessions with messages after a point."""
        self.reading = reading
        self._reads = reads
        self._sessions = sessions
        self._point: str | None = point  # up to which all were found; None at the end
        self._found: list[Found] = []  # and not read yet, descending

    async def next(self) -> list[Stored]:
        """Return the next messages, none at the end."""
        while self._found or self._point is not None:
            if not self._found and self._point is not None:
                await self._look_for_more(self._point)
            page = self._found[: -MESSAGES_PER_PAGE - 1 : -1]
            del self._found[-MESSAGES_PER_PAGE:]
            if messages := await self._reads.values(page, self.reading):
                return messages
        return []

    async def _look_for_more(self, point: str) -> None:
        """Find the next messages of all sessions, up to a point that each session was searched to."""
        sessions = await self._sessions(point)
        works = (self._reads.oldest(one, point, self.reading) for one in sessions)
        pages = await gather_some(works, SESSIONS_AT_A_TIME)
        ends = [page[-1][0] for page in pages if len(page) == IDS_PER_REPLY]
        self._point = min(ends, default=None)
        found = [one for page in pages for one in page if self._point is None or one[0] <= self._point]
        self._found = sorted(found, reverse=True)


def _id_of(message: Stored) -> str:
    return message[0]
