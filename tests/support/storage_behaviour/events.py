"""How any storage numbers the events of users, and knows what was announced of them."""

from __future__ import annotations

from gim.errors import NotFound
from gim.storage.announcements import MemberJoined, MemberLeft
from gim.storage.interface import Storage
from tests.support.storage_behaviour.base import (
    RecordingListener,
    StorageCase,
    enter,
    join,
    posted,
    send,
    user,
)


class EventBehaviour(StorageCase):
    """Numbers, and who was announced online."""

    async def number(self, store: Storage, user_id: str, online: bool | None = None) -> int | None:
        """Ask for the number of an event that nobody else names."""
        self.asked = getattr(self, "asked", 0) + 1
        return await store.webhook_log.next_event_number(user_id, online, f"key{self.asked}")

    async def some_number(self, store: Storage, user_id: str, online: bool | None = None) -> int:
        number = await self.number(store, user_id, online)
        self.assertIsInstance(number, int)
        return number or 0

    async def test_events_of_a_user_are_numbered_one_by_one(self) -> None:
        store = await self.make_store()
        await store.users.put("ann", None)
        await enter(store, "ann")
        first = await self.some_number(store, "ann", True)
        numbers = [await self.number(store, "ann") for _ in range(3)]
        self.assertEqual(numbers, [first + 1, first + 2, first + 3])
        self.assertLess(first, 2**53)  # a double holds it

    async def test_every_user_is_counted_alone(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        first = await self.some_number(store, "ann")
        await self.some_number(store, "bob")
        self.assertEqual(await self.number(store, "ann"), first + 1)

    async def test_numbers_rise_even_when_the_user_was_forgotten(self) -> None:
        store = await self.make_store()
        numbers = []
        for _ in range(3):
            numbers += [await self.some_number(store, "ann") for _ in range(2)]
            await self.let_be_forgotten()
        self.assertEqual(numbers, sorted(set(numbers)))

    async def test_an_event_makes_no_user(self) -> None:
        store = await self.make_store()
        await self.number(store, "ann")
        await self.refusal(NotFound, store.users.get("ann"))

    async def test_coming_and_going_count_once_until_the_other(self) -> None:
        store = await self.make_store()
        self.assertIsNone(await self.number(store, "ann", False), "never announced")
        counted = [
            await self.number(store, "ann", online) is not None
            for online in (True, True, False, False, True, False)
        ]
        self.assertEqual(counted, [True, False, True, False, True, True])

    async def test_what_is_no_event_takes_no_number(self) -> None:
        store = await self.make_store()
        await enter(store, "ann")
        first = await self.some_number(store, "ann", True)
        await self.number(store, "ann", True)
        await self.number(store, "ann", False)
        self.assertEqual(await self.number(store, "ann"), first + 1)

    async def test_who_is_watched_did_not_go(self) -> None:
        store = await self.make_store()
        await enter(store, "ann")
        await self.some_number(store, "ann", True)
        self.assertIsNone(await self.number(store, "ann", False))
        store.users.exit("ann")
        await self.some_number(store, "ann", False)  # even before anything else may know of it

    async def test_somebody_announced_online_is_not_forgotten_before_they_go(self) -> None:
        store = await self.make_store()
        await store.users.put("ann", "Ann")
        await enter(store, "ann")
        await self.some_number(store, "ann", True)
        store.users.exit("ann")
        await self.settle()
        self.assertEqual((await store.users.get("ann")).online, False)
        await self.some_number(store, "ann", False)
        await self.let_be_forgotten()
        await self.refusal(NotFound, store.users.get("ann"))

    async def test_without_nodes_that_are_gone_nobody_is_unsettled(self) -> None:
        store = await self.make_store()
        await store.webhook_log.users_to_reannounce(10)  # a node that is new may ask for its own users
        await enter(store, "ann")
        await self.number(store, "ann", True)
        self.assertEqual(await store.webhook_log.users_to_reannounce(10), [])


class ObserverBehaviour(StorageCase):
    """Memberships as somebody hears of them who is told of all."""

    async def test_memberships_are_told_when_they_change_and_only_then(self) -> None:
        store = await self.make_store()
        observer = RecordingListener()
        store.chatrooms.observe(observer)
        await enter(store, "bob")
        for user_id in ("ann", "bob"):
            await join(store, "room", user_id, user_id)
            await send(store, posted("room", user_id))
            await store.chatrooms.leave("room", user_id)
            await join(store, "other", user_id)
            await store.chatrooms.leave("other", user_id)
        await join(store, "room", "cat")
        await store.chatrooms.leave("room", "ann")
        await self.refusal(NotFound, store.chatrooms.leave("nowhere", "ann"))
        expected = [
            kind(user_id, chatroom_id)
            for user_id in ("ann", "bob")
            for chatroom_id in ("room", "other")
            for kind in (MemberJoined, MemberLeft)
        ]
        self.assertEqual(observer.news, [*expected, MemberJoined("cat", "room")])
        await self.settle()
        self.assertEqual(len([news for news in self.news if isinstance(news, MemberJoined)]), 2)  # bob's

    async def test_the_number_of_members_is_returned_as_ever(self) -> None:
        store = await self.make_store()
        store.chatrooms.observe(RecordingListener())
        totals = [
            await store.chatrooms.join("room", user(user_id), "") for user_id in ("ann", "bob", "ann")
        ]
        self.assertEqual(totals, [1, 2, 2])
