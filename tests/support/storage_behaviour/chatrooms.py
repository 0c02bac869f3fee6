"""How any storage keeps chatrooms and their members."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from gim.errors import Forbidden, NotFound
from gim.ids import SYSTEM
from gim.model import Member, Role, Sent
from gim.storage.interface import Storage
from tests.support.storage_behaviour.base import (
    FUTURE,
    ROOM,
    StorageCase,
    contents_of,
    enter,
    join,
    line_of,
    posted,
    send,
    user,
)

MEMBERS_ONLY: dict[str, Callable[[Storage, str], Awaitable[Any]]] = {
    "append": lambda store, asker: store.messages.append(posted("room", asker)),
    "history": lambda store, asker: store.messages.history(ROOM, asker, None, 20),
    "mark_read": lambda store, asker: store.messages.mark_read(ROOM, asker, FUTURE),
    "members": lambda store, asker: store.chatrooms.members("room", asker, "", 100),
}


class ChatroomBehaviour(StorageCase):
    """Joining, leaving, and what only members may do."""

    async def test_joining_makes_the_chatroom_and_counts_its_members(self) -> None:
        store = await self.make_store()
        self.assertEqual(await store.chatrooms.join("room", user("ann"), ""), 1)
        self.assertEqual(await store.chatrooms.join("room", user("bob"), ""), 2)

    async def test_joining_twice_is_fine_and_counts_once(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        self.assertEqual(await store.chatrooms.join("room", user("ann"), ""), 1)
        _, total, _ = await store.chatrooms.members("room", "ann", "", 100)
        self.assertEqual(total, 1)

    async def test_a_chatroom_keeps_the_name_that_it_was_made_with(self) -> None:
        store = await self.make_store()
        await store.chatrooms.join("room", user("ann"), "First")
        await store.chatrooms.join("room", user("bob"), "Second")
        self.assertEqual((await line_of(store, "bob", ROOM)).title, "First")

    async def test_without_a_chatroom_whatever_needs_one_is_not_found(self) -> None:
        store = await self.make_store()
        await join(store, "other", "ann")
        for ask in MEMBERS_ONLY.values():
            await self.refusal(NotFound, ask(store, "ann"))
        await self.refusal(NotFound, store.chatrooms.leave("room", "ann"))

    async def test_a_refused_message_makes_no_chatroom(self) -> None:
        store = await self.make_store()
        await self.refusal(NotFound, store.messages.append(posted("room", "ann")))
        await self.refusal(NotFound, store.messages.history(ROOM, "ann", None, 20))

    async def test_who_is_no_member_is_forbidden_what_is_for_members(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        await join(store, "other", "bob")
        for asker in ("bob", "nobody"):
            for ask in MEMBERS_ONLY.values():
                await self.refusal(Forbidden, ask(store, asker))
        self.assertEqual(await contents_of(store, ROOM), [])

    async def test_who_left_is_forbidden_what_is_for_members(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        await store.chatrooms.leave("room", "bob")
        for ask in MEMBERS_ONLY.values():
            await self.refusal(Forbidden, ask(store, "bob"))

    async def test_leaving_twice_is_fine_while_the_chatroom_exists(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        for _ in range(2):
            await store.chatrooms.leave("room", "bob")
        await store.chatrooms.leave("room", "nobody")
        _, total, _ = await store.chatrooms.members("room", "ann", "", 100)
        self.assertEqual(total, 1)

    async def test_a_chatroom_without_members_is_forgotten(self) -> None:
        store = await self.make_store()
        await store.chatrooms.join("room", user("ann"), "Old")
        await store.chatrooms.leave("room", "ann")
        await self.refusal(NotFound, store.chatrooms.leave("room", "ann"))
        await store.chatrooms.join("room", user("bob"), "New")
        self.assertEqual((await line_of(store, "bob", ROOM)).title, "New")

    async def test_chatrooms_are_those_that_one_is_a_member_of(self) -> None:
        store = await self.make_store()
        self.assertEqual(await store.chatrooms.of_user("ann"), [])
        for chatroom_id in ("1", "2", "3"):
            await join(store, chatroom_id, "ann")
        await join(store, "4", "bob")
        await store.chatrooms.leave("2", "ann")
        self.assertEqual(sorted(await store.chatrooms.of_user("ann")), ["1", "3"])


class AbandonedBehaviour(StorageCase):
    """A chatroom that all members have left."""

    async def leave_all(self, store: Storage) -> Sent:
        """Let all members of a chatroom with a past go, each in another way; return its last message."""
        await store.moderation.rename("room", "ann", "Old")
        await store.moderation.appoint("room", "ann", "bob", Role.ADMIN)
        for user_id in ("bob", "cat"):
            await store.moderation.mute("room", SYSTEM, user_id, 600_000)
        sent = await send(store, *[posted("room", "ann", "said", request_id=str(n)) for n in range(3)])
        await store.chatrooms.leave("room", "ann")
        await store.moderation.remove("room", "bob", "cat")
        await store.moderation.remove("room", SYSTEM, "bob")
        return sent[-1]

    async def test_nothing_is_left_for_the_one_who_makes_it_anew(self) -> None:
        store = await self.make_store(sequences=True)
        for reader in ("bob", "eve"):
            await join(store, "room", "ann", "bob", "cat")
            last = await self.leave_all(store)
            for ask in MEMBERS_ONLY.values():
                await self.refusal(NotFound, ask(store, "ann"))
            await self.refusal(NotFound, store.chatrooms.leave("room", "cat"))
            await store.chatrooms.join("room", user(reader), "New")
            line = await line_of(store, reader, ROOM)
            self.assertEqual((line.title, line.last, line.unread), ("New", None, 0))
            self.assertEqual(await store.messages.history(ROOM, reader, last.id, 20), ([], False))
            members, _, _ = await store.chatrooms.members("room", reader, "", 9)
            self.assertEqual([(one.id, one.role) for one in members], [(reader, Role.OWNER)])
            await join(store, "room", "cat", "ann")
            sent = await send(store, posted("room", "cat"), posted("room", "ann", request_id="2"))
            self.assertEqual([one.sequence for one in sent], [1, 2])
            self.assertGreater(sent[0].id, last.id)
            self.assertEqual((await line_of(store, reader, ROOM)).unread, 2)
            self.assertEqual(await contents_of(store, ROOM, reader), ["hi", "hi"])
            await store.moderation.dismiss("room", reader)

    async def test_one_that_an_administrator_made_stays_as_it_is(self) -> None:
        store = await self.make_store(sequences=True)
        await store.chatrooms.create("room", "", user("ann"))
        await join(store, "room", "bob", "cat")
        last = await self.leave_all(store)
        await self.refusal(Forbidden, store.messages.history(ROOM, "ann", None, 20))
        await store.chatrooms.join("room", user("bob"), "New")
        line = await line_of(store, "bob", ROOM)
        self.assertEqual((line.title, line.last and line.last.id, line.unread), ("Old", last.id, 0))
        self.assertEqual(await contents_of(store, ROOM, "bob"), ["said"] * 3)
        members, _, _ = await store.chatrooms.members("room", "bob", "", 9)
        self.assertEqual([one.role for one in members], [Role.MEMBER])
        await self.refusal(Forbidden, store.messages.append(posted("room", "bob")))  # still muted
        again, new = await send(
            store,
            posted("room", "ann", "said", request_id="2"),
            posted("room", "ann", as_admin=True),
        )
        self.assertEqual((again, new.sequence), (last, 4))

    async def test_ids_rise_in_a_chatroom_that_is_made_anew_again_and_again(self) -> None:
        store = await self.make_store()
        ids = []
        for _ in range(20):
            await join(store, "room", "ann")
            ids += [sent.id for sent in await send(store, *[posted("room", "ann")] * 2)]
            await store.chatrooms.leave("room", "ann")
        self.assertEqual(ids, sorted(set(ids)))

    async def test_a_subscriber_to_the_new_one_hears_of_the_new_one_only(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob", "cat")
        await self.leave_all(store)
        await join(store, "room", "eve")
        await store.chatrooms.subscribe("room")
        await send(store, posted("room", "eve", "new"))
        await self.settle()
        self.assertEqual([news.message.content for news in self.news], ["new"])


class MemberBehaviour(StorageCase):
    """The list of members."""

    async def test_members_are_in_order_of_id_by_code_point(self) -> None:
        store = await self.make_store()
        ids = ["10", "9", "B", "a", "aa", "b", "é", "\uff5e", "😀"]  # UTF-16 has the last two reversed
        await join(store, "room", *reversed(ids))
        items, total, more = await store.chatrooms.members("room", "a", "", 100)
        self.assertEqual([item.id for item in items], ids)
        self.assertEqual((total, more), (len(ids), False))

    async def test_members_come_page_by_page(self) -> None:
        store = await self.make_store()
        await join(store, "room", *"edcba")
        found, after = [], ""
        for _ in range(3):
            items, total, more = await store.chatrooms.members("room", "a", after, 2)
            found.append(("".join(item.id for item in items), total, more))
            after = items[-1].id
        self.assertEqual(found, [("ab", 5, True), ("cd", 5, True), ("e", 5, False)])

    async def test_a_page_of_members_that_is_just_full_is_the_last(self) -> None:
        store = await self.make_store()
        await join(store, "room", "a", "b")
        items, _, more = await store.chatrooms.members("room", "a", "", 2)
        self.assertEqual((len(items), more), (2, False))

    async def test_a_page_of_members_begins_after_any_id_member_or_not(self) -> None:
        store = await self.make_store()
        await join(store, "room", "a", "b", "d")
        items, _, _ = await store.chatrooms.members("room", "a", "c", 10)
        self.assertEqual([item.id for item in items], ["d"])
        self.assertEqual(await store.chatrooms.members("room", "a", "d", 10), ([], 3, False))

    async def test_members_of_chatrooms_whose_ids_begin_alike_do_not_mix(self) -> None:
        store = await self.make_store()
        for chatroom_id, member in (("1", "x"), ("10", "a"), ("1-", "z"), ("0", "y")):
            await join(store, chatroom_id, member)
        items, total, more = await store.chatrooms.members("1", "x", "", 10)
        self.assertEqual(([item.id for item in items], total, more), (["x"], 1, False))

    async def test_a_member_has_name_and_online(self) -> None:
        store = await self.make_store()
        for user_id, name in (("ann", "Ann"), ("bob", None)):
            await store.users.put(user_id, name)
        await enter(store, "ann")
        await join(store, "room", "ann", "bob")
        items, _, _ = await store.chatrooms.members("room", "ann", "", 10)
        expected = [Member("ann", "Ann", True, Role.OWNER), Member("bob", "bob", False, Role.MEMBER)]
        self.assertEqual(items, expected)
