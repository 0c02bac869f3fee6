"""How any storage lists a user's sessions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from typing import Any

from gim.chat.session_walk import MAX_ROUNDS, SessionWalk, read_page
from gim.ids import CHATROOM, PRIVATE, private_session
from gim.storage.interface import Draft, Storage
from gim.storage.message_ids import LAST
from tests.support.storage_behaviour.base import (
    AB,
    ANCIENT,
    ROOM,
    StorageCase,
    enter,
    join,
    line_of,
    listed,
    messages_of,
    posted,
    private,
    send,
    sessions_of,
)


async def pages(store: Storage, user_id: str, count: int, kind: int | None = None) -> list[list[str]]:
    """Return the session ids of each page of the user's list."""
    found, after = [], None
    for _ in range(100):  # more than any list has
        items, after = await store.messages.sessions(user_id, kind, after, count)
        found.append([item.id for item in items])
        if after is None:
            return found
    raise AssertionError(f"the pages do not end: {found}")


def flat(found: list[list[str]]) -> list[str]:
    return [session_id for page in found for session_id in page]


class SessionListBehaviour(StorageCase):
    """Which sessions are listed, in which order, and what each line says."""

    async def test_somebody_without_sessions_has_an_empty_list(self) -> None:
        store = await self.make_store()
        self.assertEqual(await store.messages.sessions("ann", None, None, 50), ([], None))
        await store.users.put("ann", None)
        await enter(store, "ann")
        self.assertEqual(await store.messages.sessions("ann", None, None, 50), ([], None))

    async def test_the_session_with_the_newest_message_comes_first_for_both_people(self) -> None:
        store = await self.make_store()
        await send(store, private("ann", "bob"), private("ann", "cat"), private("dan", "bob"))
        await send(store, private("bob", "ann"))
        self.assertEqual(await listed(store, "ann"), [AB.id, "2:ann:cat"])
        self.assertEqual(await listed(store, "bob"), [AB.id, "2:bob:dan"])

    async def test_a_chatroom_message_moves_the_chatroom_up_for_every_member(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        await send(store, private("ann", "cat"), private("bob", "cat"))
        await send(store, posted("room", "ann"))
        for member in ("ann", "bob"):
            self.assertEqual((await listed(store, member))[0], ROOM.id)

    async def test_a_chatroom_without_messages_counts_from_the_joining(self) -> None:
        store = await self.make_store()
        await send(store, private("ann", "bob"))
        await self.advance(0.01)  # a cluster orders what belongs to different slots by time alone
        await join(store, "room", "ann")
        await self.advance(0.01)
        await send(store, private("ann", "cat"))
        await self.advance(0.01)
        await join(store, "other", "ann")
        self.assertEqual(await listed(store, "ann"), ["1:other", "2:ann:cat", ROOM.id, AB.id])

    async def test_a_chatroom_with_messages_counts_from_the_newest_of_them(self) -> None:
        store = await self.make_store()
        await join(store, "room", "bob")
        await send(store, posted("room", "bob"), private("ann", "bob"))
        await join(store, "room", "ann")
        self.assertEqual(await listed(store, "ann"), [AB.id, ROOM.id])

    async def test_a_chatroom_is_listed_only_while_one_is_a_member(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        await send(store, posted("room", "ann"))
        await store.chatrooms.leave("room", "ann")
        self.assertEqual(await listed(store, "ann"), [])
        self.assertEqual(await listed(store, "bob"), [ROOM.id])

    async def test_reading_moves_no_session(self) -> None:
        store = await self.make_store()
        sent, _ = await send(store, private("bob", "ann"), private("cat", "ann"))
        await store.messages.mark_read(AB, "ann", sent.id)
        self.assertEqual(await listed(store, "ann"), ["2:ann:cat", AB.id])

    async def test_the_list_can_be_of_one_kind(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        await send(store, private("ann", "bob"))
        self.assertEqual(await listed(store, "ann", CHATROOM), [ROOM.id])
        self.assertEqual(await listed(store, "ann", PRIVATE), [AB.id])
        self.assertEqual(await listed(store, "ann"), [AB.id, ROOM.id])

    async def test_a_line_holds_type_last_message_and_unread(self) -> None:
        store = await self.make_store()
        await send(store, private("ann", "bob", "one"), private("ann", "bob", "two"))
        (line,) = await sessions_of(store, "bob")
        self.assertEqual((line.id, line.type, line.unread), (AB.id, PRIVATE, 2))
        self.assertEqual(line.last, (await messages_of(store, AB, "bob"))[-1])

    async def test_the_line_of_a_chatroom_without_messages_has_no_last_message(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        (line,) = await sessions_of(store, "ann")
        self.assertEqual((line.id, line.type, line.last, line.unread), (ROOM.id, CHATROOM, None, 0))

    async def test_the_title_of_a_private_session_is_the_name_of_the_peer(self) -> None:
        store = await self.make_store()
        await store.users.put("ann", "Ann")
        await store.users.put("bob", "Bob")
        await send(store, private("ann", "bob"))
        self.assertEqual((await line_of(store, "ann", AB)).title, "Bob")
        self.assertEqual((await line_of(store, "bob", AB)).title, "Ann")
        await store.users.put("bob", "Robert")
        self.assertEqual((await line_of(store, "ann", AB)).title, "Robert")

    async def test_the_title_of_a_peer_who_never_logged_in_is_the_id(self) -> None:
        store = await self.make_store()
        await send(store, private("ann", "bob"))
        self.assertEqual((await line_of(store, "ann", AB)).title, "bob")

    async def test_the_title_of_a_chatroom_is_its_name(self) -> None:
        store = await self.make_store()
        await store.chatrooms.join("room", (await store.users.put("ann", None)), "The Room")
        await join(store, "other", "ann")
        titles = {line.id: line.title for line in await sessions_of(store, "ann")}
        self.assertEqual(titles, {"1:room": "The Room", "1:other": "chatroom:other"})


class SessionPageBehaviour(StorageCase):
    """The list, page by page."""

    async def test_pages_follow_each_other_without_overlap_and_end_with_no_position(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        await send(store, *(private("ann", peer) for peer in "bcdef"), posted("room", "ann"))
        found = await pages(store, "ann", 4)
        self.assertEqual([len(page) for page in found], [4, 2])
        self.assertEqual(flat(found), await listed(store, "ann"))

    async def test_a_page_that_is_just_full_is_the_last(self) -> None:
        store = await self.make_store()
        await send(store, *(private("ann", peer) for peer in "bcd"))
        items, following = await store.messages.sessions("ann", None, None, 3)
        self.assertEqual((len(items), following), (3, None))

    async def test_pages_of_one_line_find_every_session(self) -> None:
        store = await self.make_store()
        await send(store, *(private("ann", peer) for peer in "bcd"))
        await join(store, "room", "ann")
        self.assertEqual(flat(await pages(store, "ann", 1)), await listed(store, "ann"))

    async def test_pages_can_be_of_one_kind(self) -> None:
        store = await self.make_store()
        await join(store, "one", "ann")
        await send(store, private("ann", "b"), private("ann", "c"))
        await join(store, "two", "ann")
        self.assertEqual(await pages(store, "ann", 1, CHATROOM), [["1:two"], ["1:one"]])
        self.assertEqual(await pages(store, "ann", 1, PRIVATE), [["2:ann:c"], ["2:ann:b"]])

    async def test_what_moves_up_between_two_pages_hides_nothing_and_repeats_nothing(self) -> None:
        store = await self.make_store()
        await send(store, *(private("ann", peer) for peer in "bcdef"))
        first, after = await store.messages.sessions("ann", None, None, 2)
        await send(store, private("ann", first[0].title), private("ann", "new"))
        await join(store, "room", "ann")
        rest = [item.id for item in (await store.messages.sessions("ann", None, after, 10))[0]]
        self.assertEqual([item.id for item in first], ["2:ann:f", "2:ann:e"])
        self.assertEqual(rest, ["2:ann:d", "2:ann:c", "2:ann:b"])

    async def test_the_position_may_be_that_of_a_session_that_moved_or_went(self) -> None:
        store = await self.make_store()
        await send(store, *(private("ann", peer) for peer in "bc"))
        await join(store, "room", "ann")
        await send(store, private("ann", "d"))
        _, after = await store.messages.sessions("ann", None, None, 2)  # it ends with the chatroom
        await store.chatrooms.leave("room", "ann")
        await send(store, private("ann", "c"))
        items, following = await store.messages.sessions("ann", None, after, 10)
        self.assertEqual(
            ([item.id for item in items], following), ([private_session("ann", "b").id], None)
        )

    async def test_a_position_that_was_never_handed_out_is_a_place_all_the_same(self) -> None:
        store = await self.make_store()
        (sent,) = await send(store, private("ann", "b"))
        await join(store, "room", "ann")
        everything = await listed(store, "ann")
        for rank in (LAST, LAST[:16], "f" * 32, "f" * 16):
            self.assertEqual(
                flat_page(await store.messages.sessions("ann", None, (rank, ""), 10)), everything
            )
        for rank in (ANCIENT, ANCIENT[:16], sent.id[:16]):
            self.assertEqual(flat_page(await store.messages.sessions("ann", None, (rank, ""), 10)), [])

    async def test_a_page_shows_only_what_is_above_a_rank(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        await send(store, *(private("ann", peer) for peer in "bcd"))
        await self.advance(11)  # a cluster may announce so long after storing
        rank = store.messages.newest_rank()
        await join(store, "other", "ann")
        await send(store, private("b", "ann"), private("ann", "new"), posted("room", "ann"))
        wanted = {"1:other", "2:ann:b", "2:ann:new", ROOM.id}
        self.assertEqual(
            set(flat_page(await store.messages.sessions("ann", None, None, 9, rank))), wanted
        )
        items, following = await store.messages.sessions("ann", PRIVATE, None, 1, rank)
        self.assertEqual([item.id for item in items], ["2:ann:new"])
        page = await store.messages.sessions("ann", PRIVATE, following, 9, rank)
        self.assertEqual((flat_page(page), page[1]), (["2:ann:b"], None))


class SessionWalkBehaviour(StorageCase):
    """Pages while sessions move: every session that is there all the time is on one of them."""

    async def walk(
        self, store: Storage, count: int, between: Callable[[], Awaitable[Any]]
    ) -> list[list[str]]:
        """Return the ids on ann's pages; *between* is called after each."""
        found: list[list[str]] = []
        walk: SessionWalk | None = SessionWalk()
        while walk is not None:
            items, walk = await read_page(store.messages, "ann", None, count, walk)
            found.append([item.id for item in items])
            self.assertLess(len(found), 1000, "the pages do not end")
            await between()
        return found

    async def test_a_session_that_moves_to_the_top_is_on_a_later_page(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        await send(store, *(private("ann", peer) for peer in "bcdef"))
        moves = [[posted("room", "ann"), private("b", "ann")], [], [private("c", "ann")]]

        async def move() -> None:
            await send(store, *(moves.pop(0) if moves else []))

        found = await self.walk(store, 2, move)
        self.assertEqual(found[:2], [["2:ann:f", "2:ann:e"], ["2:ann:d", "2:ann:c"]])
        self.assertEqual(set(flat(found)), set(await listed(store, "ann")))

    async def test_a_chatroom_that_was_joined_again_is_on_a_later_page(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        await send(store, *(private("ann", peer) for peer in "bcd"))

        async def join_again() -> None:
            await store.chatrooms.leave("room", "ann")
            await join(store, "room", "ann")

        self.assertIn(ROOM.id, flat(await self.walk(store, 2, join_again)))

    async def test_a_page_that_holds_everything_is_the_only_one(self) -> None:
        store = await self.make_store()
        await send(store, *(private("ann", peer) for peer in "bcd"))
        for count in (3, 10):
            found = await self.walk(store, count, partial(send, store, private("b", "ann")))
            self.assertEqual(len(found), 1)

    async def test_it_ends_however_many_messages_come(self) -> None:
        store = await self.make_store()
        await send(store, *(private("ann", peer) for peer in "bcdef"))
        there = await listed(store, "ann")
        for count, busy in ((1, "bc"), (2, "bcdef")):
            messages = [private(peer, "ann") for peer in busy]
            found = await self.walk(store, count, partial(send, store, *messages))
            self.assertLessEqual(len(found), (MAX_ROUNDS + 1) * len(there))
            quiet = {one for one in there if one[-1] not in busy}
            self.assertLessEqual(quiet, set(flat(found)))

    async def test_no_session_is_left_out_whatever_moves(self) -> None:
        for seed in range(6):
            random = Random(seed)
            store = await self.make_store()
            rooms, peers = ["r1", "r2", "r3"], "bcdefghi"
            await join(store, "r1", "ann")
            await send(store, *(private("ann", peer) for peer in peers))
            for room in rooms[1:]:
                await join(store, room, "ann")
            there, count = set(await listed(store, "ann")), random.randint(2, 5)
            drafts = [private(peer, "ann") for peer in peers] + [posted(room, "ann") for room in rooms]

            async def move(store: Storage, random: Random, drafts: list[Draft], count: int) -> None:
                await send(store, *random.choices(drafts, k=random.randint(0, (count - 1) // 2)))

            found = await self.walk(store, count, partial(move, store, random, drafts, count))
            self.assertEqual(there - set(flat(found)), set(), f"seed {seed}")


def flat_page(page: Any) -> list[str]:
    items, _following = page
    return [item.id for item in items]
