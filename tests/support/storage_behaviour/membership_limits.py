"""What any storage refuses of chatrooms: too many of a user, too many members."""

from __future__ import annotations

from twisted.internet.task import Clock

from gim.concurrency.gather import gather
from gim.errors import Conflict, Forbidden, NotFound
from gim.ids import SYSTEM
from gim.limits.limits import CHATROOM_MEMBERS, USER_CHATROOMS, LimitHits
from gim.storage.announcements import MemberJoined, MessageStored
from gim.storage.interface import Storage
from tests.support.settings import storage_limits
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


class RoomLimitBehaviour(StorageCase):
    """The limits of `gim.storage.storage_limits`."""

    hits: LimitHits

    async def make_limited(self, members: int = 0, chatrooms: int = 0, enforced: bool = True) -> Storage:
        self.hits = LimitHits(enforced)
        limits = storage_limits(
            Clock(), self.hits, max_chatroom_members=members, max_user_chatrooms=chatrooms
        )
        return await self.make_store(limits=limits)

    async def test_a_chatroom_has_so_many_members(self) -> None:
        store = await self.make_limited(members=2)
        await join(store, "room", "ann", "bob")
        for _ in range(2):
            refusal = await self.refusal(Conflict, store.chatrooms.join("room", user("cat"), ""))
        self.assertIn("has 2 members", str(refusal))
        self.assertEqual(self.hits.counts, {CHATROOM_MEMBERS: 2})
        self.assertEqual((await store.chatrooms.members("room", "ann", "", 9))[1], 2)
        await self.refusal(Forbidden, store.messages.append(posted("room", "cat")))
        self.assertEqual((await store.chatrooms.of_user("cat"), await listed(store, "cat")), ([], []))
        await join(store, "other", "cat", "ann")

    async def test_a_user_is_in_so_many_chatrooms(self) -> None:
        store = await self.make_limited(chatrooms=2)
        await join(store, "a", "ann")
        await join(store, "b", "ann")
        await join(store, "c", "bob")
        for chatroom_id in "c", "new":
            refusal = await self.refusal(Conflict, store.chatrooms.join(chatroom_id, user("ann"), ""))
            self.assertIn("in 2 chatrooms", str(refusal))
        self.assertEqual(self.hits.counts, {USER_CHATROOMS: 2})
        self.assertEqual(sorted(await store.chatrooms.of_user("ann")), ["a", "b"])
        await self.refusal(Forbidden, store.messages.append(posted("c", "ann")))
        self.assertEqual((await store.chatrooms.members("c", "bob", "", 9))[1], 1)
        await join(store, "c", "cat")

    async def test_who_is_refused_makes_no_chatroom(self) -> None:
        store = await self.make_limited(chatrooms=1)
        await join(store, "a", "ann")
        await self.refusal(Conflict, store.chatrooms.join("new", user("ann"), "Mine"))
        await self.refusal(NotFound, store.messages.append(posted("new", "ann")))
        await join(store, "new", "bob")
        await send(store, posted("new", "bob"))
        self.assertEqual(await contents_of(store, posted("new", "bob").session, "bob"), ["hi"])

    async def test_a_chatroom_that_is_missing_is_refused_before_the_limits(self) -> None:
        store = await self.make_limited(members=1, chatrooms=1)
        await join(store, "a", "ann")
        await self.refusal(NotFound, store.chatrooms.join("new", user("ann"), "", create_missing=False))
        self.assertEqual(self.hits.counts, {})

    async def test_no_chatroom_is_created_for_an_owner_who_is_in_as_many_as_allowed(self) -> None:
        store = await self.make_limited(chatrooms=1)
        await join(store, "a", "ann")
        await self.refusal(Conflict, store.chatrooms.create("new", "New", user("ann")))
        await self.refusal(NotFound, store.moderation.rename("new", SYSTEM, "Newer"))
        self.assertEqual(await store.chatrooms.of_user("ann"), ["a"])
        await store.chatrooms.create("new", "New", user("bob"))
        self.assertEqual(await store.chatrooms.of_user("bob"), ["new"])

    async def test_joining_again_is_no_more_than_before(self) -> None:
        store = await self.make_limited(members=1, chatrooms=1)
        for _ in range(3):
            self.assertEqual(await store.chatrooms.join("room", user("ann"), ""), 1)
        self.assertEqual(self.hits.counts, {})

    async def test_leaving_makes_room(self) -> None:
        store = await self.make_limited(members=1, chatrooms=1)
        await join(store, "room", "ann")
        await self.refusal(Conflict, store.chatrooms.join("room", user("bob"), ""))
        await self.refusal(Conflict, store.chatrooms.join("other", user("ann"), ""))
        await store.chatrooms.leave("room", "ann")
        await join(store, "room", "bob")
        await join(store, "other", "ann")

    async def test_nothing_is_announced_of_who_is_refused(self) -> None:
        store = await self.make_limited(members=1, chatrooms=1)
        await enter(store, "ann")
        await join(store, "full", "bob")
        await self.refusal(Conflict, store.chatrooms.join("full", user("ann"), ""))
        await join(store, "room", "ann")
        await self.refusal(Conflict, store.chatrooms.join("other", user("ann"), ""))
        await self.settle()
        self.assertEqual(self.news, [MemberJoined("ann", "room")])

    async def test_those_who_join_at_once_are_no_more_either(self) -> None:
        store = await self.make_limited(members=3, chatrooms=4)

        async def try_to_join(chatroom_id: str, user_id: str) -> int:
            try:
                await store.chatrooms.join(chatroom_id, user(user_id), "")
            except Conflict:
                return 0
            return 1

        self.assertEqual(sum(await gather(try_to_join("room", f"u{n}") for n in range(9))), 3)
        self.assertEqual(sum(await gather(try_to_join(f"r{n}", "ann") for n in range(9))), 4)
        self.assertEqual(len(await store.chatrooms.of_user("ann")), 4)

    async def test_a_dry_run_refuses_nobody_and_counts(self) -> None:
        store = await self.make_limited(members=2, chatrooms=1, enforced=False)
        await join(store, "a", "ann", "bob")
        self.assertEqual(await store.chatrooms.join("a", user("cat"), ""), 3)
        self.assertEqual(await store.chatrooms.join("b", user("ann"), ""), 1)
        self.assertEqual(await store.chatrooms.join("a", user("ann"), ""), 3)
        self.assertEqual(self.hits.counts, {CHATROOM_MEMBERS: 1, USER_CHATROOMS: 1})
        self.assertEqual(sorted(await store.chatrooms.of_user("ann")), ["a", "b"])

    async def test_a_dry_run_announces_as_without_limits(self) -> None:
        store = await self.make_limited(chatrooms=1, enforced=False)
        await enter(store, "ann")
        await join(store, "a", "ann")
        await join(store, "b", "ann")
        await send(store, posted("b", "ann"))
        await self.settle()
        heard = [news.message.content for news in self.news if isinstance(news, MessageStored)]
        self.assertEqual(heard, ["hi"])
