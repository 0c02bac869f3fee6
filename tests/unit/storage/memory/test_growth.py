"""The memory store does not grow: however much comes and goes, nothing of it stays."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from gim.errors import NotFound
from gim.ids import SYSTEM, chatroom_session
from gim.model import Role
from gim.storage.announcements import ConnectionAction, ConnectionCommand
from gim.storage.memory import archive, people
from gim.storage.memory.store import MemoryStore
from gim.storage.rules import REQUEST_ID_WINDOW
from tests.support.storage_behaviour.base import (
    AB,
    ANCIENT,
    FUTURE,
    ROOM,
    enter,
    join,
    posted,
    private,
    send,
    user,
)
from tests.support.storage_behaviour.memory import MemoryCase, containers_with_entries


class GrowthTests(MemoryCase):
    """However much comes and goes, nothing grows."""

    async def visit(self, store: MemoryStore, number: int) -> None:
        """Do once everything that leaves a trace, and go."""
        me, peer = f"user{number}", f"user{number + 1}"
        await store.users.put(me, f"User {number}")
        await enter(store, me)
        await self.administer(store, f"own{number}", me, peer)
        await store.webhook_log.next_event_number(me, True, "came")
        for chatroom_id in ("hall", f"room{number}"):
            await store.chatrooms.join(chatroom_id, user(me), "")
            await store.chatrooms.subscribe(chatroom_id)
            (said,) = await send(store, posted(chatroom_id, me, request_id=f"r{number}"))
            await store.messages.mark_read(chatroom_session(chatroom_id), me, said.id)
            await store.chatrooms.leave(chatroom_id, me)
        (sent,) = await send(store, private(me, peer, request_id="r"))
        await store.messages.missed(me, None, 10)
        store.messages.delivered(peer, sent.id)
        await store.webhook_log.next_event_number(me)
        store.users.exit(me)
        self.clock.callLater(number % 20, self.go, store, me)

    def go(self, store: MemoryStore, me: str) -> None:
        """Count that somebody went, when nothing else may be known of them any more."""
        went = Deferred.fromCoroutine(store.webhook_log.next_event_number(me, False, "went"))
        self.assertIsNotNone(self.successResultOf(went))

    async def administer(self, store: MemoryStore, chatroom_id: str, me: str, peer: str) -> None:
        await store.chatrooms.create(chatroom_id, "", user(me))
        await join(store, chatroom_id, peer, "guest")
        await store.moderation.appoint(chatroom_id, me, peer, Role.ADMIN)
        await store.moderation.mute(chatroom_id, peer, "guest", 1000)
        (said,) = await send(store, posted(chatroom_id, me))
        await store.moderation.recall(chatroom_session(chatroom_id), me, said.id)
        await store.chatrooms.leave(chatroom_id, me)
        await store.moderation.dismiss(chatroom_id, peer)
        for _ in range(2):
            await store.moderation.ban(f"{me}!", 1000, 2000)
        await store.moderation.unban(f"{me}!")

    async def churn(self, **limits: Any) -> MemoryStore:
        store = self.make_store(**limits)
        for number in range(200):
            await self.visit(store, number)
            self.clock.advance(1)
        return store

    async def test_nothing_is_left_after_everybody_went_and_everything_expired(self) -> None:
        for limits in (
            {"ttl": 60},
            {"ttl": 3600, "max_messages": 7},
            {"ttl": 500, "max_session_messages": 2},
        ):
            store = await self.churn(**limits)
            self.clock.advance(20)
            self.assertNotEqual(containers_with_entries(store), [])  # or it could not find any below
            self.clock.advance(3601)
            self.forget_users(store)
            self.assertEmpty(store)

    async def test_with_sequences_nothing_is_left_but_those_of_the_sessions_emptied_last(self) -> None:
        self.patch(archive, "MAX_EMPTIED", 3)
        store = await self.churn(ttl=60, sequences=True)
        self.clock.advance(3601)
        self.forget_users(store)
        self.assertEqual(set(store.data.sizes().values()), {0})
        self.assertEqual(containers_with_entries(store), ["Archive._emptied"])
        self.assertEqual(len(store.data.archive._emptied), 3)

    async def test_the_limit_in_all_bounds_sessions_and_users_too(self) -> None:
        self.patch(people, "MAX_IDLE", 4)
        store = await self.churn(max_messages=5)
        self.clock.advance(REQUEST_ID_WINDOW)
        self.sweep_all(store)
        self.assertKept(store, messages=5, memberships=0)
        self.assertLessEqual(store.data.sizes()["conversations"], 5)
        self.assertLessEqual(store.data.sizes()["users"], 10 + 2 * people.MAX_IDLE)

    async def test_questions_about_what_is_not_there_leave_nothing(self) -> None:
        store = self.make_store()
        await store.messages.history(AB, "ann", None, 20)
        await store.messages.sessions("ann", None, None, 20)
        await store.messages.mark_read(AB, "ann", FUTURE)
        await store.messages.missed("ann", ANCIENT, 20)
        await store.chatrooms.of_user("ann")
        store.messages.delivered("ann", FUTURE)
        store.users.exit("ann")
        await store.moderation.ban_of("ann")
        await store.moderation.unban("ann")
        await store.nodes.command_connections(ConnectionCommand("ann", ConnectionAction.LIST))
        self.assertEmpty(store)

    async def test_refusals_leave_nothing(self) -> None:
        store = self.make_store()
        questions = [
            store.messages.append(posted("room", "ann", request_id="r")),
            store.messages.mark_read(ROOM, "ann", FUTURE),
            store.chatrooms.members("room", "ann", "", 10),
            store.chatrooms.leave("room", "ann"),
            store.chatrooms.subscribe("room"),
            store.users.get("ann"),
            store.moderation.rename("room", "ann", "New"),
            store.moderation.dismiss("room", SYSTEM),
            store.moderation.recall(AB, "ann", FUTURE),
            store.chatrooms.join("room", user("ann"), "", create_missing=False),
        ]
        for question in questions:
            await self.assertFailure(Deferred.fromCoroutine(question), NotFound)
        self.assertEmpty(store)
