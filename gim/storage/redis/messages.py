"""Messages on Redis: storing, reading, read positions."""

from __future__ import annotations

from random import getrandbits
from typing import Any

from gim.errors import Forbidden, NotFound, Unavailable
from gim.model import Message, Sent
from gim.names import CHATROOM, Session
from gim.storage.once import PER_SENDER, WINDOW
from gim.storage.redis import scripts
from gim.storage.redis.keys import Keys
from gim.storage.redis.protocol import Word
from gim.storage.redis.pulse import Pulse
from gim.storage.redis.records import messages_of, time_of
from gim.storage.redis.seam import Limits, Redis
from gim.storage.seam import Draft

_VARIANT = 0b10 << 62


def random_tail() -> str:
    """Return the 16 hex digits that end an id: the variant of RFC 9562, and 62 random bits."""
    return f"{_VARIANT | getrandbits(62):016x}"


def check(reply: Any, chatroom_id: str) -> Any:
    """Return the reply of a script, or raise what it says instead."""
    if reply == b"none":
        raise NotFound(f"no chatroom {chatroom_id!r}: joining it makes it")
    if reply == b"forbidden":
        raise Forbidden(f"you are no member of chatroom {chatroom_id!r}: join it first")
    return reply


class Messages:
    """Each operation is one script, in one round trip."""

    def __init__(self, redis: Redis, keys: Keys, pulse: Pulse, limits: Limits) -> None:
        self._redis = redis
        self._keys = keys
        self._pulse = pulse
        self._limits = limits
        self._common: tuple[Word, ...] = (
            limits.ttl,
            limits.max_session_messages,
            int(limits.sequences),
            WINDOW * 1000,
            PER_SENDER,
        )

    async def append(self, draft: Draft) -> Sent:
        """See `gim.storage.seam.Storage.append`."""
        base = self._keys.session(draft.session.id)
        reply = await self._append(base, draft)
        if reply == b"late":  # the clocks were compared long ago, or one of them was set
            await self._redis.measure(base)
            reply = await self._append(base, draft)
        return self._sent(draft.session, reply)

    def _append(self, base: str, draft: Draft) -> Any:
        deadline = self._redis.deadline(base), *self._common
        ours = self._pulse.born(), self._limits.keep, random_tail(), draft.session.id
        said = draft.category, draft.content, draft.request_id, draft.origin
        sender = self._keys.user(draft.sender.id)
        if draft.session.type == CHATROOM:
            words = *deadline, *ours, draft.sender.id, draft.sender.name, *said
            return self._redis.run(scripts.SEND_CHATROOM, (base, sender, self._keys.data), *words)
        peer = draft.session.peer_of(draft.sender.id)
        bases = base, sender, self._keys.user(peer), self._keys.data
        words = *deadline, *ours, draft.sender.id, draft.sender.name, peer, *said
        return self._redis.run(scripts.SEND_PRIVATE, bases, *words)

    def _sent(self, session: Session, reply: Any) -> Sent:
        if reply == b"late":
            raise Unavailable("the storage was too slow, nothing was stored: send again")
        message_id = check(reply, session.parts[0])[0].decode()
        self._pulse.saw(message_id)
        return Sent(message_id, session.id, reply[1], time_of(message_id))

    async def history(
        self, session: Session, reader: str, before: str | None, count: int
    ) -> tuple[list[Message], bool]:
        """See `gim.storage.seam.Storage.history`."""
        found = await self._page(session, int(session.type == CHATROOM), reader, before or "", count + 1)
        return found[:count][::-1], len(found) > count

    async def _page(
        self, session: Session, members_only: int, reader: str, before: str, count: int
    ) -> list[Message]:
        base = self._keys.session(session.id)
        words = members_only, reader, before, count, self._limits.ttl
        reply = await self._redis.run(scripts.HISTORY, (base,), *words)
        return messages_of(session.id, *check(reply, session.parts[0]))

    async def since(self, session: Session, point: str) -> list[Message]:
        """Return all messages after *point*, ascending."""
        found: list[Message] = []
        while page := await self._page(session, 0, "", found[-1].id if found else "", 200):
            newer = [message for message in page if message.id > point]
            found += newer
            if len(newer) < len(page):
                break
        return found[::-1]

    async def chatroom_name(self, session: Session) -> str:
        """Return the name of a chatroom that has messages."""
        base = self._keys.session(session.id)
        name = await self._redis.call(base, "HGET", f"{base}:state", "name")
        return (name or b"").decode()

    async def mark_read(self, session: Session, reader: str, message_id: str) -> int:
        """See `gim.storage.seam.Storage.mark_read`."""
        base = self._keys.session(session.id)
        words = int(session.type == CHATROOM), reader, message_id, self._limits.ttl
        reply = await self._redis.run(scripts.MARK_READ, (base,), *words)
        return int(check(reply, session.parts[0]))
