"""What any storage does while a large chatroom is being dismissed."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from gim.concurrency.gather import gather
from gim.errors import Conflict, GimError, NotFound
from gim.ids import SYSTEM, chatroom_session
from gim.model import EventType
from gim.storage.announcements import MemberLeft
from gim.storage.interface import Storage
from tests.support.storage_behaviour.base import (
    StorageCase,
    contents_of,
    enter,
    join,
    listed,
    posted,
    send,
    user,
)

MEMBERS = [f"user{number:03}" for number in range(200)]  # more than one step of a storage takes out
CONNECTED = (MEMBERS[0], MEMBERS[-1])


class DismissalBehaviour(StorageCase):
    """A chatroom is gone for all at once; its members leave it some at a time."""

    async def dismissing(self, store: Storage) -> Deferred[None]:
        """Return the dismissal of a large chatroom that is gone, but has former members."""
        for user_id in CONNECTED:
            await enter(store, user_id)
        await gather(store.chatrooms.join("room", user(one), "") for one in MEMBERS)
        await send(store, posted("room", MEMBERS[0], request_id="1"))
        await self.settle()
        self.news.clear()
        dismissing = Deferred.fromCoroutine(store.moderation.dismiss("room", SYSTEM))
        while True:
            try:
                await store.chatrooms.get("room")
            except NotFound:
                return dismissing

    async def finish(self, dismissing: Deferred[None]) -> None:
        for _ in range(1000):
            if dismissing.called:
                break
            await self.advance(0.01)
            await self.settle()
        await dismissing
        await self.settle()

    async def test_it_is_refused_whatever_needs_it_from_then_on(self) -> None:
        store = await self.make_store()
        dismissing = await self.dismissing(store)
        works = (
            store.messages.append(posted("room", MEMBERS[-1])),
            store.messages.append(posted("room", MEMBERS[0], request_id="1")),
            store.messages.history(chatroom_session("room"), SYSTEM, None, 9),
            store.chatrooms.members("room", MEMBERS[-1], "", 9),
            store.moderation.rename("room", SYSTEM, "new"),
            store.chatrooms.join("room", user("new"), "", create_missing=False),
            store.chatrooms.join("room", user(MEMBERS[-1]), ""),
            store.chatrooms.join("room", user("new"), ""),
            store.chatrooms.create("room", "", user("new")),
        )
        refusals = await gather(self.refusal(GimError, work) for work in works)
        self.assertFalse(dismissing.called)
        kinds = [type(one) for one in refusals]
        self.assertEqual(kinds, [NotFound] * 6 + [Conflict] * 3, refusals)
        self.assertIn("is being dismissed", str(refusals[-1]))
        self.assertEqual(await store.chatrooms.of_user("new"), [])
        await self.finish(dismissing)

    async def test_each_member_hears_of_it_once(self) -> None:
        store = await self.make_store()
        await self.finish(await self.dismissing(store))
        left = [MemberLeft(one, "room", EventType.DISMISSED, SYSTEM) for one in CONNECTED]
        self.assertCountEqual([news for news in self.news if isinstance(news, MemberLeft)], left)
        for user_id in MEMBERS[:: len(MEMBERS) // 4]:
            self.assertEqual(await store.chatrooms.of_user(user_id), [])
            self.assertEqual(await listed(store, user_id), [])

    async def test_a_new_one_has_nothing_of_it(self) -> None:
        store = await self.make_store()
        await self.finish(await self.dismissing(store))
        await join(store, "room", MEMBERS[1])
        members, total, _ = await store.chatrooms.members("room", MEMBERS[1], "", 9)
        self.assertEqual(([one.id for one in members], total), ([MEMBERS[1]], 1))
        self.assertEqual(await contents_of(store, chatroom_session("room"), MEMBERS[1]), [])
        self.assertEqual(await listed(store, MEMBERS[0]), [])

    async def test_others_are_dismissed_meanwhile(self) -> None:
        store = await self.make_store()
        await join(store, "small", "ann")
        dismissing = await self.dismissing(store)
        await store.moderation.dismiss("small", "ann")
        await join(store, "small", "bob")
        self.assertFalse(dismissing.called)
        await self.finish(dismissing)
