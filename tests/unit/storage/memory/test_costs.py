"""What requests of a user with many sessions cost: what their answers hold, not what the user has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from gim.ids import PRIVATE
from gim.storage.interface import Position
from gim.storage.memory.archive import Archive
from gim.storage.memory.message_index import MessageIndex
from gim.storage.memory.session_order import MIN_ORDERED, MIN_STALE, SessionOrder
from gim.storage.memory.store import MemoryStore
from tests.support.storage_behaviour.base import ANCIENT, join, private, send
from tests.support.storage_behaviour.memory import MemoryCase

MANY = 4 * MIN_ORDERED  # sessions
FEW = 100  # look-ups that a page of some lines may take: far fewer than sessions


class CostTests(MemoryCase):
    """Look-ups of conversations and searches for messages are counted, not timed."""

    async def fill(self, sessions: int = MANY, **limits: Any) -> MemoryStore:
        """Return a store in which ann has private sessions, and count its work from now on."""
        store = self.make_store(**limits)
        for number in range(sessions):
            await send(store, private(f"peer{number:05}", "ann"))
        self.work: Counter[str] = Counter()
        for owner, name in (
            (Archive, "get"),
            (Archive, "__getitem__"),
            (MessageIndex, "has_between"),
            (MessageIndex, "drop_oldest"),
        ):
            self.patch(owner, name, self.counting(name, getattr(owner, name)))
        return store

    def counting(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **named: Any) -> Any:
            self.work[name] += 1
            return call(*args, **named)

        return counted

    async def work_of(self, asking: Any) -> int:
        """Return how much work an answer takes."""
        self.work.clear()
        await asking
        return sum(self.work.values())

    async def last_page(self, store: MemoryStore, count: int = 100) -> Position:
        after: Position | None = None
        while True:
            _, following = await store.messages.sessions("ann", PRIVATE, after, count)
            if following is None:
                assert after is not None
                return after
            after = following

    async def test_a_page_at_the_end_costs_what_it_holds(self) -> None:
        store = await self.fill()
        after = await self.last_page(store)
        work = await self.work_of(store.messages.sessions("ann", PRIVATE, after, 5))
        self.assertLess(work, FEW)

    async def test_a_page_at_the_end_costs_the_same_after_some_messages(self) -> None:
        store = await self.fill()
        after = await self.last_page(store)
        await send(store, *(private("ann", f"peer{number:05}") for number in range(MANY // 2, MANY)))
        work = await self.work_of(store.messages.sessions("ann", PRIVATE, after, 5))
        self.assertLess(work, FEW)

    async def test_many_messages_of_few_sessions_are_not_passed_over(self) -> None:
        store = await self.fill()
        after = await self.last_page(store)
        for _ in range(4):  # each time the order is made anew, which these messages pay for
            await send(store, *(private("ann", "peer00500") for _ in range(MIN_STALE)))
            await store.messages.sessions("ann", PRIVATE, after, 5)
            newest = (store.data.archive.time_id(), "")
            limit = FEW + MIN_STALE + 2 * MANY
            self.assertLess(await self.work_of(store.messages.sessions("ann", PRIVATE, newest, 5)), limit)

    async def test_a_login_with_a_point_looks_at_no_session_without_a_newer_message(self) -> None:
        store = await self.fill()
        newest = (await store.messages.sessions("ann", PRIVATE, None, 1))[0][0].last
        assert newest is not None
        self.assertLess(await self.work_of(store.messages.missed("ann", newest.id, 1)), FEW)
        self.assertLess(await self.work_of(store.messages.missed("ann", ANCIENT, 1)), FEW)

    async def test_a_login_with_a_point_removes_what_has_expired_instead_of_searching_for_it(
        self,
    ) -> None:
        store = await self.fill(MANY // 2, ttl=10)
        self.clock.advance(5)
        await send(store, private("bob", "ann"))
        self.clock.advance(6)
        missed = await store.messages.missed("ann", ANCIENT, 1)
        self.assertFalse(missed.complete)
        self.assertEqual(self.work["has_between"], 0)
        self.assertEqual(self.work["drop_oldest"], MANY // 2 + 1)
        self.assertLess(await self.work_of(store.messages.missed("ann", ANCIENT, 1)), FEW)


class MuteTests(MemoryCase):
    """Mutes of many members."""

    async def test_those_that_have_ended_are_forgotten_now_and_then(self) -> None:
        store = self.make_store()
        await join(store, "room", "own")
        room, passes = store.data.archive.chatroom("room"), 0
        for number in range(300):
            await join(store, "room", f"user{number}")
            before = room.mutes
            await store.moderation.mute("room", "own", f"user{number}", 10_000)
            passes += before is not room.mutes
            self.clock.advance(1)
            self.assertLess(len(room.mutes or ()), 25)
        self.assertLess(passes, 300 // 4)


class OrderTests(MemoryCase):
    """The order of sessions is small."""

    def test_it_holds_few_stale_places(self) -> None:
        order = SessionOrder((f"{number:04}", "2:ann:bob") for number in range(10))
        added = 0
        while not order.is_stale(10):
            order.add((f"{10 + added:04}", "2:ann:bob"))
            added += 1
        self.assertEqual(len(order), 10 + added)
        self.assertLess(added, MIN_STALE + 10)
