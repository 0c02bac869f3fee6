"""Private messages on a cluster, on their way from their sessions to their users."""

from __future__ import annotations

from functools import partial
from typing import Any

from msgspec import Struct, msgpack
from msgspec.structs import astuple, replace

from gim.concurrency.gather import gather
from gim.errors import Unavailable
from gim.ids import Session
from gim.storage.message_ids import FIRST
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store import scripts
from gim.storage.redis.store.heartbeat import CLUSTER_LAG_MS, Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.records import Value, value_of
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.retries import WriteRetries
from gim.storage.rules import REQUEST_ID_WINDOW

# How long after a message was stored it may still be announced: as long as requests and retries repeat it
PENDING_MS = REQUEST_ID_WINDOW * 1000
# How long a user's announcements are remembered: longer than one can be repeated
ANNOUNCED_KEPT_MS = 2 * PENDING_MS
# From how long after its message was stored an announcement is late. One that is not is found by looking
# back `CLUSTER_LAG_MS`: the other half of it is for differences between the servers' clocks
LATE_AFTER_MS = CLUSTER_LAG_MS // 2
MAX_BEHIND = 1000  # messages of a session that wait for older ones to be announced


class Posted(Struct, frozen=True):
    """A private message that its session holds."""

    session: Session
    id: str
    value: Value
    previous: str  # the id of the one before it in the session, "" for none

    def announcement(self, title: str) -> bytes:
        """Write it as the scripts do: see `gim.storage.redis.store.records`."""
        return msgpack.encode(("m", self.id, self.session.id, title, *astuple(self.value)))


class ClusterAnnouncements:
    """Puts sessions at the front of their users' lists, and announces their messages.

    Each user gets the messages of a session in the order of their ids, and each message once. If the
    message before one is not announced yet, it is announced first: its node may be slow or dead.
    """

    def __init__(
        self, redis: Redis, keys: Keys, heartbeat: Heartbeat, retention: Retention, retries: WriteRetries
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._heartbeat = heartbeat
        self._retention = retention
        self._retries = retries

    async def read(self, session: Session, message_id: str) -> Posted | None:
        """Return a message, None if its session does not hold it any more."""
        base = self._keys.session(session.id)
        packed, previous = await self._redis.run(scripts.MESSAGE, (base,), message_id)
        return Posted(session, message_id, value_of(packed), previous.decode()) if packed else None

    async def announce(self, posted: Posted) -> None:
        """Announce a message to both users. What fails is repeated, and raises `Unavailable` now."""
        sender = posted.value.sender
        people = posted.session.peer_of(sender), sender
        await gather(self._announce_or_retry(posted, user_id) for user_id in people)

    async def _announce_or_retry(self, posted: Posted, user_id: str) -> None:
        try:
            await self.announce_to(user_id, posted)
        except Unavailable:
            self._retries.add((posted.id, user_id), partial(self._announce_again, user_id, posted))
            raise

    async def _announce_again(self, user_id: str, posted: Posted) -> None:
        """Announce a message as it is now: it may have been recalled, or be gone, since it was stored."""
        now = await self.read(posted.session, posted.id)
        if now is not None:
            await self.announce_to(user_id, now)

    async def announce_to(self, user_id: str, posted: Posted) -> None:
        """Announce a message to one user, after the earlier ones that are still to be announced."""
        waiting = [posted]  # each is announced after the next one in the list
        while waiting:
            last = waiting[-1]
            if await self._index(user_id, last) != b"behind":
                waiting.pop()
                continue
            previous = await self.read(last.session, last.previous) if len(waiting) < MAX_BEHIND else None
            if previous is not None:
                waiting.append(previous)
            else:  # removed meanwhile
                waiting[-1] = replace(last, previous=FIRST)

    async def _index(self, user_id: str, posted: Posted) -> Any:
        session, value = posted.session, posted.value
        title, own_name = value.name, ""
        if user_id == value.sender:
            title, own_name = await self._title(session.peer_of(value.sender)), value.name
        kept = (
            self._heartbeat.retention_start(),
            self._retention.users_ms,
            self._retention.ttl_ms,
            ANNOUNCED_KEPT_MS,
            PENDING_MS,
            LATE_AFTER_MS,
        )
        words = session.id, posted.id, posted.previous, own_name, posted.announcement(title)
        return await self._redis.run(scripts.INDEX, (self._keys.user(user_id),), *kept, *words)

    async def _title(self, user_id: str) -> str:
        base = self._keys.user(user_id)
        name: bytes | None = await self._redis.call(base, "HGET", f"{base}:user", "name")
        return name.decode() if name else user_id
