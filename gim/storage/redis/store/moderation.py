"""Moderation on Redis: what roles allow, recalls, and bans."""

from __future__ import annotations

from typing import Any

from gim.concurrency.deadline import shielded
from gim.concurrency.gather import gather
from gim.ids import CHATROOM, Session, chatroom_session
from gim.model import Ban, EventType
from gim.storage.announcements import MemberLeft
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.client.protocol import Word
from gim.storage.redis.client.script import Script
from gim.storage.redis.store import scripts
from gim.storage.redis.store.chatrooms import RedisChatrooms
from gim.storage.redis.store.dismissals import Dismissals
from gim.storage.redis.store.exits import Exits
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.records import recall_payload
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.script_errors import check
from gim.storage.rules import RECALL_WITHIN_MS


class RedisModeration:
    """Implements `gim.storage.interface.Moderation`.

    Each change is one script at the chatroom's keys. Where it concerns members, a script at each member's
    keys follows, on a cluster and elsewhere. After a fault between the two, those users still list a
    chatroom that they are not members of, until this node has repeated the second step.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        chatrooms: RedisChatrooms,
        exits: Exits,
        retention: Retention,
        dismissals: Dismissals,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._chatrooms = chatrooms
        self._exits = exits
        self._retention = retention
        self._dismissals = dismissals

    def _base(self, chatroom_id: str) -> str:
        return self._keys.session(chatroom_session(chatroom_id).id)

    async def _act(self, script: Script, chatroom_id: str, *words: Word) -> Any:
        """Run a script that announces what it did in the chatroom."""
        shared = self._redis.publish, chatroom_id
        reply = await self._redis.run(script, (self._base(chatroom_id),), *shared, *words)
        return check(reply, chatroom_id)

    async def rename(self, chatroom_id: str, by: str, name: str) -> None:
        """See `gim.storage.interface.Moderation.rename`."""
        await self._act(scripts.RENAME, chatroom_id, by, name)

    async def dismiss(self, chatroom_id: str, by: str) -> None:
        """See `gim.storage.interface.Moderation.dismiss`."""
        await shielded(
            self._dismissals.dismiss(chatroom_id, by)
        )  # all steps follow even if no one waits any more

    async def remove(self, chatroom_id: str, by: str, user_id: str) -> None:
        """See `gim.storage.interface.Moderation.remove`."""
        await shielded(self._remove(chatroom_id, by, user_id))

    async def _remove(self, chatroom_id: str, by: str, user_id: str) -> None:
        await self._act(scripts.REMOVE, chatroom_id, by, user_id)
        left = MemberLeft(user_id, chatroom_id, EventType.REMOVED, by)
        if await self._exits.exit(left):
            self._chatrooms.membership_changed(left)

    async def mute(self, chatroom_id: str, by: str, user_id: str, duration_ms: int) -> int:
        """See `gim.storage.interface.Moderation.mute`."""
        (until,) = await self._act(scripts.MUTE, chatroom_id, by, user_id, duration_ms)
        return int(until)

    async def appoint(self, chatroom_id: str, by: str, user_id: str, role: str) -> None:
        """See `gim.storage.interface.Moderation.appoint`."""
        await self._act(scripts.APPOINT, chatroom_id, by, user_id, role)

    async def recall(self, session: Session, by: str, message_id: str) -> None:
        """See `gim.storage.interface.Moderation.recall`."""
        chatroom_id = session.parts[0] if session.type == CHATROOM else ""
        limits = self._retention.ttl_ms, RECALL_WITHIN_MS
        words = self._redis.publish, chatroom_id, by, message_id, *limits
        reply = await self._redis.run(scripts.RECALL, (self._keys.session(session.id),), *words)
        check(reply, session.parts[0])
        if not chatroom_id:
            payload = recall_payload(session.id, by, message_id)
            bases = [self._keys.user(user_id) for user_id in session.parts]
            await gather(self._redis.call(one, self._redis.publish, one, payload) for one in bases)

    async def ban(self, user_id: str, duration_ms: int, remember_ms: int) -> int:
        """See `gim.storage.interface.Moderation.ban`."""
        base = self._keys.user(user_id)
        return int(await self._redis.run(scripts.BAN, (base,), duration_ms, remember_ms))

    async def unban(self, user_id: str) -> None:
        """See `gim.storage.interface.Moderation.unban`: the script ends a ban that is 0 ms long."""
        await self.ban(user_id, 0, 0)

    async def ban_of(self, user_id: str) -> Ban:
        """See `gim.storage.interface.Moderation.ban_of`."""
        since, until = await self._redis.run(scripts.BANNED, (self._keys.user(user_id),))
        return Ban(int(since), int(until))
