"""Chatrooms and their members on Redis."""

from __future__ import annotations

from typing import Any

from gim.concurrency.deadline import shielded
from gim.concurrency.gather import gather
from gim.errors import Conflict
from gim.ids import SYSTEM, chatroom_session
from gim.model import ChatroomState, Member, Role, User
from gim.storage import refusals
from gim.storage.announcements import MemberJoined, MemberLeft
from gim.storage.interface import MembershipObserver
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store import scripts
from gim.storage.redis.store.atomic_writes import Writes
from gim.storage.redis.store.batches import run_for_each
from gim.storage.redis.store.finding import Finder
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.people import People
from gim.storage.redis.store.reading import Reading
from gim.storage.redis.store.retention import Retention
from gim.storage.redis.store.script_errors import check
from gim.storage.redis.store.subscriptions import Subscriptions

CHATROOM_BYTES = 1024  # what a name and an id of an owner take, at most
MEMBER_BYTES = 128  # what a member's id and role take; ids are mostly short
ROOMS_BYTES = 4096  # what the ids of a user's chatrooms take; most users are in few


class RedisChatrooms:
    """Implements `gim.storage.interface.Chatrooms`."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        heartbeat: Heartbeat,
        people: People,
        writes: Writes,
        subscriptions: Subscriptions,
        retention: Retention,
        finder: Finder,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._heartbeat = heartbeat
        self._people = people
        self._writes = writes
        self._subscriptions = subscriptions
        self._retention = retention
        self._finder = finder
        self._observer: MembershipObserver | None = None

    def _base(self, chatroom_id: str) -> str:
        return self._keys.session(chatroom_session(chatroom_id).id)

    async def create(self, chatroom_id: str, name: str, owner: User | None) -> None:
        """See `gim.storage.interface.Chatrooms.create`."""
        await shielded(self._create(chatroom_id, name, owner))

    async def _create(self, chatroom_id: str, name: str, owner: User | None) -> None:
        name = name or f"chatroom:{chatroom_id}"
        words = name, owner.id if owner is not None else ""
        check(await self._redis.run(scripts.CREATE, (self._base(chatroom_id),), *words), chatroom_id)
        if owner is not None:
            try:
                await self.join(chatroom_id, owner, name)
            except Conflict:
                await self._undo_create(chatroom_id, owner.id)
                raise

    async def _undo_create(self, chatroom_id: str, owner_id: str) -> None:
        """Forget a chatroom whose owner could not join it, unless another user did meanwhile."""
        base = self._base(chatroom_id)
        await self._redis.call(base, "HDEL", f"{base}:state", "kept")
        await self._writes.leave(chatroom_session(chatroom_id).id, chatroom_id, owner_id)

    async def join(self, chatroom_id: str, user: User, name: str, create_missing: bool = True) -> int:
        """See `gim.storage.interface.Chatrooms.join`."""
        return await shielded(self._join(chatroom_id, user, name, create_missing))

    async def _join(self, chatroom_id: str, user: User, name: str, create_missing: bool) -> int:
        session = chatroom_session(chatroom_id)
        name = name or f"chatroom:{chatroom_id}"
        reply = await self._writes.join(session.id, chatroom_id, user, name, create_missing)
        is_full, is_many = reply == b"full", reply == b"many"
        total, is_new = 0, False
        if not (is_full or is_many):
            total, is_full, is_many, is_new = check(reply, chatroom_id)
        if is_new:
            self.membership_changed(MemberJoined(user.id, chatroom_id))
        if is_full:
            self._retention.rooms.is_full(chatroom_id)
        if is_many:
            self._retention.rooms.are_many()
        if self._subscriptions.user(user.id) is not None:
            await self.subscribe(chatroom_id)
        return int(total)

    async def leave(self, chatroom_id: str, user_id: str) -> None:
        """See `gim.storage.interface.Chatrooms.leave`."""
        await shielded(self._leave(chatroom_id, user_id))

    async def _leave(self, chatroom_id: str, user_id: str) -> None:
        session = chatroom_session(chatroom_id)
        if check(await self._writes.leave(session.id, chatroom_id, user_id), chatroom_id):
            self.membership_changed(MemberLeft(user_id, chatroom_id))

    def observe(self, observer: MembershipObserver) -> None:
        """See `gim.storage.interface.Chatrooms.observe`."""
        self._observer = observer

    def membership_changed(self, news: MemberJoined | MemberLeft) -> None:
        """Report a membership that a call made here began or ended."""
        if self._observer is not None:
            self._observer.on_announcement(news)

    async def members(
        self, chatroom_id: str, reader: str, after: str, count: int
    ) -> tuple[list[Member], int, bool]:
        """See `gim.storage.interface.Chatrooms.members`."""
        reading, size = Reading(self._redis, reader), (count + 1) * MEMBER_BYTES
        words = reader, after, count + 1
        reply = await reading.run_whole(size, scripts.MEMBERS, (self._base(chatroom_id),), *words)
        ids, total, owner, admins = check(reply, chatroom_id)
        page = [user_id.decode() for user_id in ids[:count]]
        found = await self._people.look_up(page, reading)
        roles = [_role(one, owner, score) for one, score in zip(ids, admins, strict=True)]
        return await self._states(page, found, roles), total, len(ids) > count

    async def _states(self, ids: list[str], found: list[Any], roles: list[str]) -> list[Member]:
        await self._heartbeat.know({node for _, nodes in found for node in nodes})
        is_alive = self._heartbeat.is_alive
        return [
            Member(user_id, name.decode() if name else user_id, is_alive(nodes), role)
            for user_id, (name, nodes), role in zip(ids, found, roles, strict=False)
        ]

    async def get(self, chatroom_id: str) -> ChatroomState:
        """See `gim.storage.interface.Chatrooms.get`."""
        (found,) = await self._described([chatroom_id], Reading(self._redis, chatroom_id))
        if found is None:
            raise refusals.no_chatroom(chatroom_id)
        return found

    async def find(self, prefix: str, cursor: str, count: int) -> tuple[list[ChatroomState], str]:
        """See `gim.storage.interface.Chatrooms.find`."""
        around = self._keys.around_chatroom("state")
        ids, following = await self._finder.find(around, prefix, cursor, count)
        found = await self._described(ids, Reading(self._redis, SYSTEM))
        return [state for state in found if state is not None], following

    async def _described(self, ids: list[str], reading: Reading) -> list[ChatroomState | None]:
        bases = [self._base(chatroom_id) for chatroom_id in ids]
        found = await run_for_each(reading, CHATROOM_BYTES, scripts.DESCRIBED, bases)
        return [
            ChatroomState(one, name.decode(), owner.decode(), members, bool(kept)) if name else None
            for one, (name, owner, members, kept) in zip(ids, found, strict=True)
        ]

    async def of_user(self, user_id: str) -> list[str]:
        """See `gim.storage.interface.Chatrooms.of_user`."""
        base = self._keys.user(user_id)
        reading = Reading(self._redis, user_id)
        return [one.decode() for one in await reading.run_whole(ROOMS_BYTES, scripts.ROOMS, (base,))]

    async def subscribe(self, chatroom_id: str) -> None:
        """See `gim.storage.interface.Chatrooms.subscribe`."""
        subscription = self._subscriptions.add_chatroom(chatroom_id)
        base = subscription.base
        if not self._redis.is_cluster:
            await self._redis.subscribe(base)
            return
        works = self._redis.subscribe(base), self._redis.call(base, "GET", f"{base}:last")
        _, last = await gather(works)
        subscription.begin_after(last.decode() if last is not None else "")

    def unsubscribe(self, chatroom_id: str) -> None:
        """See `gim.storage.interface.Chatrooms.unsubscribe`."""
        base = self._base(chatroom_id)
        if self._subscriptions.remove(base):
            self._redis.unsubscribe(base)


def _role(user_id: bytes, owner: bytes, score: object) -> str:
    """Return the role of a member; administrators have a *score*."""
    return Role.OWNER if user_id == owner else Role.MEMBER if score is None else Role.ADMIN
