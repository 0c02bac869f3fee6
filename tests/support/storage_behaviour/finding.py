"""How any storage lists users and chatrooms, and what the administrator reads."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable

from gim.errors import NotFound
from gim.ids import SYSTEM
from gim.model import ChatroomState, Role, UserState
from gim.storage.interface import Storage
from tests.support.storage_behaviour.base import (
    AB,
    ROOM,
    StorageCase,
    contents_of,
    enter,
    join,
    posted,
    private,
    send,
    user,
)

MANY = 30
MAX_PAGES = 1000

Page = tuple[list[UserState], str] | tuple[list[ChatroomState], str]


async def ids_of(next_page: Callable[[str], Awaitable[Page]]) -> Counter[str]:
    """Return the ids of all pages, each with the number of times that it came."""
    found, cursor = Counter[str](), ""
    for _ in range(MAX_PAGES):
        items, cursor = await next_page(cursor)
        found.update(item.id for item in items)
        if not cursor:
            return found
    raise AssertionError("the pages do not end")


async def user_ids(
    store: Storage, prefix: str = "", count: int = 10, online_only: bool = False
) -> set[str]:
    return set(await ids_of(lambda cursor: store.users.find(prefix, cursor, count, online_only)))


async def chatroom_ids(store: Storage, prefix: str = "", count: int = 10) -> set[str]:
    return set(await ids_of(lambda cursor: store.chatrooms.find(prefix, cursor, count)))


async def state_of(store: Storage, chatroom_id: str) -> ChatroomState:
    """Return a chatroom as it is shown; the list and `get` show the same."""
    found, _ = await store.chatrooms.find(chatroom_id, "", 10)
    (state,) = (one for one in found if one.id == chatroom_id)
    assert state == await store.chatrooms.get(chatroom_id)
    return state


class FindUsersBehaviour(StorageCase):
    """Pages of users."""

    async def test_without_users_there_is_nothing_to_list(self) -> None:
        store = await self.make_store()
        self.assertEqual(await user_ids(store), set())

    async def test_every_user_is_on_one_of_the_pages(self) -> None:
        store = await self.make_store()
        everyone = {f"u{number}" for number in range(MANY)}
        for user_id in everyone:
            await store.users.put(user_id, None)
        for count in (1, 7, MANY, 10 * MANY):
            self.assertEqual(await user_ids(store, count=count), everyone)

    async def test_users_who_come_meanwhile_push_no_other_off_the_list(self) -> None:
        store = await self.make_store()
        everyone = {f"u{number}" for number in range(MANY)}
        for user_id in everyone:
            await store.users.put(user_id, None)

        numbers = itertools.count(MANY)

        async def next_page(cursor: str) -> Page:
            await store.users.put(f"u{next(numbers)}", None)
            return await store.users.find("u", cursor, 5, False)

        self.assertEqual(set(await ids_of(next_page)) & everyone, everyone)

    async def test_a_prefix_is_plain_text(self) -> None:
        store = await self.make_store()
        odd = ["a*b", "a?b", "a[b]", "a\\b", "a}b", "a{b", "a^b", "ab", "aé", "b"]
        for user_id in odd:
            await store.users.put(user_id, None)
        for prefix in (*odd, "a", "a*", "é", "*", "[", "\\"):
            wanted = {user_id for user_id in odd if user_id.startswith(prefix)}
            self.assertEqual(await user_ids(store, prefix), wanted, prefix)

    async def test_a_user_who_is_named_in_full_comes_first(self) -> None:
        store = await self.make_store()
        for number in range(MANY):
            await store.users.put(f"ann{number}", None)
        await store.users.put("ann", "Ann")
        (first, *_), _ = await store.users.find("ann", "", 3, False)
        self.assertEqual(first, UserState("ann", "Ann", False))

    async def test_a_line_has_the_name_and_says_who_is_online(self) -> None:
        store = await self.make_store()
        await store.users.put("ann", "Ann")
        await enter(store, "bob", "Bob")
        for state in (UserState("ann", "Ann", False), UserState("bob", "Bob", True)):
            found, _ = await store.users.find(state.id, "", 10, False)
            self.assertIn(state, found)

    async def test_only_those_who_are_online_are_listed_on_demand(self) -> None:
        store = await self.make_store()
        for user_id in ("ann", "bob", "cat"):
            await enter(store, user_id)
        await store.users.put("dan", None)
        store.users.exit("bob")
        await self.settle()
        self.assertEqual(await user_ids(store, online_only=True), {"ann", "cat"})
        self.assertEqual(await user_ids(store, "a", online_only=True), {"ann"})
        self.assertEqual(await user_ids(store), {"ann", "bob", "cat", "dan"})

    async def test_neither_who_never_logged_in_nor_the_system_is_listed(self) -> None:
        store = await self.make_store()
        await send(store, private("ann", "bob"), private(SYSTEM, "ann"))
        await join(store, "room", "cat")
        self.assertEqual(await user_ids(store), {"ann", "cat"})
        self.assertEqual(await user_ids(store, SYSTEM), set())

    async def test_who_is_forgotten_is_not_listed(self) -> None:
        store = await self.make_store()
        await store.users.put("ann", None)
        await self.let_be_forgotten()
        self.assertEqual(await user_ids(store), set())


class FindChatroomsBehaviour(StorageCase):
    """Pages of chatrooms, and one chatroom."""

    async def test_every_chatroom_is_on_one_of_the_pages(self) -> None:
        store = await self.make_store()
        rooms = {f"r{number}" for number in range(MANY)}
        for chatroom_id in rooms:
            await join(store, chatroom_id, "ann")
        await send(store, private("ann", "bob"))
        for count in (1, 7, 10 * MANY):
            self.assertEqual(await chatroom_ids(store, count=count), rooms)

    async def test_a_prefix_is_plain_text_of_a_chatroom_too(self) -> None:
        store = await self.make_store()
        rooms = ["a*b", "ab", "b"]
        for chatroom_id in rooms:
            await join(store, chatroom_id, "ann")
        for prefix in ("", "a", "a*", "ab", "*", "c"):
            wanted = {chatroom_id for chatroom_id in rooms if chatroom_id.startswith(prefix)}
            self.assertEqual(await chatroom_ids(store, prefix), wanted, prefix)

    async def test_a_chatroom_shows_name_owner_and_members(self) -> None:
        store = await self.make_store()
        await store.chatrooms.join("room", user("ann"), "The Room")
        await join(store, "room", "bob")
        self.assertEqual(
            await state_of(store, "room"), ChatroomState("room", "The Room", "ann", 2, False)
        )
        await store.chatrooms.leave("room", "ann")
        self.assertEqual(
            await state_of(store, "room"), ChatroomState("room", "The Room", "bob", 1, False)
        )

    async def test_a_chatroom_of_the_administrator_shows_that_it_is_kept(self) -> None:
        store = await self.make_store()
        await store.chatrooms.create("lobby", "", None)
        await store.chatrooms.create("room", "The Room", user("ann"))
        self.assertEqual(
            [await state_of(store, one) for one in ("lobby", "room")],
            [
                ChatroomState("lobby", "chatroom:lobby", "", 0, True),
                ChatroomState("room", "The Room", "ann", 1, True),
            ],
        )

    async def test_a_chatroom_that_is_gone_is_neither_listed_nor_found(self) -> None:
        store = await self.make_store()
        await join(store, "left", "ann")
        await send(store, posted("left", "ann"))
        await store.chatrooms.create("dismissed", "", user("ann"))
        await store.chatrooms.leave("left", "ann")
        await store.moderation.dismiss("dismissed", SYSTEM)
        self.assertEqual(await chatroom_ids(store), set())
        for chatroom_id in ("left", "dismissed", "never"):
            await self.refusal(NotFound, store.chatrooms.get(chatroom_id))


class ReaderBehaviour(StorageCase):
    """The administrator reads without being a member."""

    async def test_the_system_reads_the_history_of_any_session(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        await send(store, posted("room", "ann", "public"), private("ann", "bob", "secret"))
        self.assertEqual(await contents_of(store, ROOM, SYSTEM), ["public"])
        self.assertEqual(await contents_of(store, AB, SYSTEM), ["secret"])

    async def test_the_system_reads_the_members_of_any_chatroom(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        members, total, has_more = await store.chatrooms.members("room", SYSTEM, "", 1)
        self.assertEqual(([one.id for one in members], total, has_more), (["ann"], 2, True))
        self.assertEqual(members[0].role, Role.OWNER)

    async def test_for_the_system_too_a_chatroom_must_exist(self) -> None:
        store = await self.make_store()
        await self.refusal(NotFound, store.messages.history(ROOM, SYSTEM, None, 10))
        await self.refusal(NotFound, store.chatrooms.members("room", SYSTEM, "", 10))
