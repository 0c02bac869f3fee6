"""The memory store does not grow: however much comes and goes, nothing of it stays."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from gim.errors import NotFound
from gim.ids import SYSTEM, chatroom_session
from gim.model import ADMIN
from gim.storage.interface import LIST, ConnectionCommand
from gim.storage.memory import archive
from gim.storage.memory.people import HOLD
from gim.storage.memory.store import MemoryStore
from tests.support.storage_behaviour.base import (
    AB,
    ANCIENT,
    FUTURE,
    ROOM,
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
        await store.put_user(me, f"User {number}", hold=number % 3 == 0)
        await store.subscribe_user(me)
        await self.administer(store, f"own{number}", me, peer)
        await store.next_event_number(me, True, "came")
        for chatroom_id in ("hall", f"room{number}"):
            await store.join(chatroom_id, user(me), "")
            await store.subscribe_chatroom(chatroom_id)
            (said,) = await send(store, posted(chatroom_id, me, request_id=f"r{number}"))
            await store.mark_read(chatroom_session(chatroom_id), me, said.id)
            await store.leave(chatroom_id, me)
        (sent,) = await send(store, private(me, peer, request_id="r"))
        await store.missed(me, None, 10)
        store.delivered(peer, sent.id)
        await store.next_event_number(me)
        store.unsubscribe_user(me)
        self.clock.callLater(number % 20, self.go, store, me)

    def go(self, store: MemoryStore, me: str) -> None:
        """Count that somebody went, when nothing else may be known of them any more."""
        went = Deferred.fromCoroutine(store.next_event_number(me, False, "went"))
        self.assertIsNotNone(self.successResultOf(went))

    async def administer(self, store: MemoryStore, chatroom_id: str, me: str, peer: str) -> None:
        await store.create(chatroom_id, "", user(me))
        await join(store, chatroom_id, peer, "guest")
        await store.appoint(chatroom_id, me, peer, ADMIN)
        await store.mute(chatroom_id, peer, "guest", 1000)
        (said,) = await send(store, posted(chatroom_id, me))
        await store.recall(chatroom_session(chatroom_id), me, said.id)
        await store.leave(chatroom_id, me)
        await store.dismiss(chatroom_id, peer)
        for _ in range(2):
            await store.ban(f"{me}!", 1000, 2000)
        await store.unban(f"{me}!")

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
            self.sweep_all(store)
            self.assertEmpty(store)

    async def test_with_sequences_nothing_is_left_but_those_of_the_sessions_emptied_last(self) -> None:
        self.patch(archive, "MAX_EMPTIED", 3)
        store = await self.churn(ttl=60, sequences=True)
        self.clock.advance(3601)
        self.sweep_all(store)
        self.assertEqual(set(store.sizes().values()), {0})
        self.assertEqual(containers_with_entries(store), ["Archive._emptied"])
        self.assertEqual(len(store._archive._emptied), 3)

    async def test_the_limit_in_all_bounds_sessions_and_users_too(self) -> None:
        store = await self.churn(max_messages=5)
        self.clock.advance(HOLD + 1)
        self.sweep_all(store)
        self.assertKept(store, messages=5, memberships=0)
        self.assertLessEqual(store.sizes()["conversations"], 5)
        self.assertLessEqual(store.sizes()["users"], 10)

    async def test_questions_about_what_is_not_there_leave_nothing(self) -> None:
        store = self.make_store()
        await store.history(AB, "ann", None, 20)
        await store.sessions("ann", None, None, 20)
        await store.mark_read(AB, "ann", FUTURE)
        await store.missed("ann", ANCIENT, 20)
        await store.chatrooms("ann")
        store.delivered("ann", FUTURE)
        store.unsubscribe_user("ann")
        await store.ban_of("ann")
        await store.unban("ann")
        await store.order(ConnectionCommand("ann", LIST))
        self.assertEmpty(store)

    async def test_refusals_leave_nothing(self) -> None:
        store = self.make_store()
        questions = [
            store.append(posted("room", "ann", request_id="r")),
            store.mark_read(ROOM, "ann", FUTURE),
            store.members("room", "ann", "", 10),
            store.leave("room", "ann"),
            store.subscribe_chatroom("room"),
            store.user("ann"),
            store.rename("room", "ann", "New"),
            store.dismiss("room", SYSTEM),
            store.recall(AB, "ann", FUTURE),
            store.join("room", user("ann"), "", create_missing=False),
        ]
        for question in questions:
            await self.assertFailure(Deferred.fromCoroutine(question), NotFound)
        self.assertEmpty(store)
