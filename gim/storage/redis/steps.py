"""Changes on a cluster, where a script can't touch two slots: the session first, then its people."""

from __future__ import annotations

from typing import Any

from msgspec import msgpack
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from gim.errors import Unavailable
from gim.gathering import gather
from gim.logs import Logger
from gim.model import User
from gim.names import CHATROOM
from gim.storage.redis import scripts
from gim.storage.redis.changes import limit_words, random_tail
from gim.storage.redis.keys import Keys
from gim.storage.redis.pulse import SLACK, Pulse
from gim.storage.redis.records import time_of
from gim.storage.redis.seam import Limits, Redis
from gim.storage.seam import Draft

REPAIR_EVERY = 1.0  # seconds
REPAIRS = 30  # attempts to repair what a fault left half-way
MAX_REPAIRING = 10_000  # messages


class InSteps:
    """`Changes` on a cluster. The message counts once its session holds it; the two people's lists and
    the announcements follow before the reply. They may be repeated, and are: by this node while it
    lives, or when the sender repeats the request."""

    _log = Logger()

    def __init__(
        self, redis: Redis, keys: Keys, pulse: Pulse, limits: Limits, clock: IReactorTime
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._pulse = pulse
        self._limits = limits
        self._clock = clock
        self._limit_words = limit_words(limits)
        self._repairing = 0

    async def append(self, draft: Draft) -> Any:
        name = await self._refer(draft)
        reply = await self._store(draft, name)
        if isinstance(reply, bytes) or draft.session.type == CHATROOM:
            return reply
        try:
            await self._index(draft, name, reply)
        except Unavailable:
            self._repair(draft, name, reply)
            raise
        return reply

    async def _refer(self, draft: Draft) -> str:
        """Return the name that the sender has."""
        words = self._pulse.born(), self._limits.keep, draft.sender.name
        base = self._keys.user(draft.sender.id)
        name: bytes = await self._redis.run(scripts.REFER, (base,), *words)
        return name.decode()

    async def _store(self, draft: Draft, name: str) -> Any:
        session = draft.session
        base = self._keys.session(session.id)
        bounds = self._redis.deadline(base), *self._limit_words
        ours = self._pulse.newest, self._limits.keep, random_tail(), session.id, draft.sender.id, name
        said = draft.category, draft.content, draft.request_id, draft.origin
        members_only = int(session.type == CHATROOM)
        return await self._redis.run(scripts.STORE, (base,), *bounds, *ours, *said, members_only)

    async def _index(self, draft: Draft, name: str, reply: list[Any]) -> None:
        """Put the session at the front of both people's lists, and announce the message to them."""
        peer = draft.session.peer_of(draft.sender.id)
        base = self._keys.user(peer)
        title = await self._redis.call(base, "HGET", f"{base}:user", "name")
        sender_sees = title.decode() if title else peer
        await gather(
            [
                self._index_one(draft, name, reply, peer, name, ""),
                self._index_one(draft, name, reply, draft.sender.id, sender_sees, name),
            ]
        )

    async def _index_one(
        self, draft: Draft, name: str, reply: list[Any], user_id: str, title: str, own_name: str
    ) -> None:
        message_id = reply[0].decode()
        payload = b"" if self._is_old(reply) else _payload(draft, name, reply, title)
        kept = self._pulse.born(), self._limits.keep, self._limits.ttl
        words = draft.session.id, message_id, own_name, payload
        await self._redis.run(scripts.INDEX, (self._keys.user(user_id),), *kept, *words)

    def _is_old(self, reply: list[Any]) -> bool:
        """Say if a repeated request is so old that its message must not be announced again."""
        return len(reply) > 2 and time_of(reply[0].decode()) < self._pulse.now - SLACK

    def _repair(self, draft: Draft, name: str, reply: list[Any]) -> None:
        """Finish later what a fault left half-way: nobody was told that it was done."""
        if self._repairing < MAX_REPAIRING:
            self._repairing += 1
            Deferred.fromCoroutine(self._finish(draft, name, reply)).addBoth(self._finished)

    async def _finish(self, draft: Draft, name: str, reply: list[Any]) -> None:
        for _ in range(REPAIRS):
            await deferLater(self._clock, REPAIR_EVERY)
            try:
                return await self._index(draft, name, reply)
            except Unavailable:
                pass
        self._log.warn(
            "session {session} is out of order in its people's lists", session=draft.session.id
        )
        return None

    def _finished(self, result: object) -> None:
        self._repairing -= 1

    async def join(self, session_id: str, chatroom_id: str, user: User, name: str) -> Any:
        total = await self._redis.run(scripts.ADMIT, (self._keys.session(session_id),), user.id, name)
        words = user.id, user.name, chatroom_id, random_tail(), self._pulse.born(), self._limits.keep
        await self._redis.run(scripts.ENTER, (self._keys.user(user.id),), *words)
        return total

    async def leave(self, session_id: str, chatroom_id: str, user_id: str) -> Any:
        words = user_id, self._limits.ttl
        reply = await self._redis.run(scripts.DISMISS, (self._keys.session(session_id),), *words)
        base = self._keys.user(user_id)
        await self._redis.run(scripts.EXIT, (base,), user_id, chatroom_id, self._limits.keep)
        return reply


def _payload(draft: Draft, name: str, reply: list[Any], title: str) -> bytes:
    """Write an announcement as the scripts do: see `gim.storage.redis.records`."""
    message_id, sequence = reply[0].decode(), reply[1]
    said = draft.sender.id, name, draft.category, draft.content, draft.origin
    return msgpack.encode(("m", message_id, draft.session.id, title, sequence, 1, *said))
