"""A limit of messages in all, for a storage that has one: the memory store."""

from __future__ import annotations

from gim.errors import NotFound
from gim.ids import private_session
from gim.model import User
from tests.support.storage_behaviour.base import (
    AB,
    ANCIENT,
    ROOM,
    contents_of,
    enter,
    join,
    line_of,
    listed,
    posted,
    private,
    send,
    unread_of,
)
from tests.support.storage_behaviour.missed import MissedCase, numbered

AC = private_session("ann", "cat")


class TotalBehaviour(MissedCase):
    """Above the limit in all, the oldest message of any session goes."""

    async def test_above_the_limit_in_all_the_oldest_message_of_any_session_goes(self) -> None:
        store = await self.make_store(max_messages=3)
        await join(store, "room", "ann")
        await send(
            store, private("ann", "bob", "0"), posted("room", "ann", "1"), private("ann", "cat", "2")
        )
        await send(store, posted("room", "ann", "3"))
        self.assertEqual(await contents_of(store, AB), [])
        self.assertEqual(await contents_of(store, ROOM), ["1", "3"])
        await send(store, private("ann", "cat", "4"))
        self.assertEqual(await contents_of(store, ROOM), ["3"])
        self.assertEqual(await contents_of(store, AC), ["2", "4"])

    async def test_what_its_session_let_go_does_not_count_in_all(self) -> None:
        store = await self.make_store(max_session_messages=1, max_messages=2)
        await send(store, private("ann", "cat", "kept"), *[private("ann", "bob")] * 5)
        self.assertEqual(await contents_of(store, AC), ["kept"])

    async def test_one_message_in_all_is_the_newest(self) -> None:
        store = await self.make_store(max_messages=1)
        await send(store, private("ann", "bob"), private("ann", "cat", "newest"))
        self.assertEqual(await contents_of(store, AC), ["newest"])
        self.assertEqual(await listed(store, "ann"), [AC.id])

    async def test_a_private_session_leaves_both_lists_with_its_last_message(self) -> None:
        store = await self.make_store(max_messages=2)
        await send(store, private("ann", "bob"), *[private("cat", "dan")] * 2)
        self.assertEqual(await listed(store, "ann") + await listed(store, "bob"), [])

    async def test_a_chatroom_stays_in_the_list_without_its_messages(self) -> None:
        store = await self.make_store(max_messages=2)
        await join(store, "room", "ann", "bob")
        await send(store, posted("room", "ann"), *[private("cat", "dan")] * 2)
        line = await line_of(store, "bob", ROOM)
        self.assertEqual((line.last, line.unread), (None, 0))

    async def test_the_messages_of_a_chatroom_that_was_forgotten_do_not_count(self) -> None:
        store = await self.make_store(max_messages=3)
        await join(store, "room", "ann")
        await send(store, private("ann", "bob", "0"), posted("room", "ann"), private("ann", "bob", "1"))
        await store.chatrooms.leave("room", "ann")
        await send(store, private("ann", "bob", "2"))
        self.assertEqual(await contents_of(store, AB), ["0", "1", "2"])

    async def test_a_request_whose_message_was_removed_by_it_is_stored_anew(self) -> None:
        store = await self.make_store(max_messages=1)
        request = private("ann", "bob", request_id="r")
        first, _, anew, again = await send(store, request, private("cat", "dan"), request, request)
        self.assertGreater(anew.id, first.id)
        self.assertEqual(again, anew)
        self.assertEqual(await contents_of(store, AB), ["hi"])

    async def test_a_private_session_that_was_emptied_begins_anew(self) -> None:
        store = await self.make_store(max_messages=1)
        await send(store, private("ann", "bob"), private("cat", "dan"), private("ann", "bob", "again"))
        self.assertEqual(await contents_of(store, AB, "bob"), ["again"])
        self.assertEqual([await unread_of(store, reader, AB) for reader in ("ann", "bob")], [0, 1])

    async def test_the_sequence_goes_on_when_all_messages_of_the_session_went(self) -> None:
        store = await self.make_store(sequences=True, max_messages=1, ttl=60)
        await join(store, "room", "ann")
        for _ in range(2):
            await send(store, private("ann", "bob"), posted("room", "ann"), private("cat", "dan"))
        await self.advance(61)
        sent = await send(store, private("ann", "bob"), posted("room", "ann"), private("cat", "dan"))
        self.assertEqual([s.sequence for s in sent], [3, 3, 3])

    async def test_a_message_that_its_limit_lets_go_at_once_was_announced_all_the_same(self) -> None:
        store = await self.make_store(max_messages=1)
        await enter(store, "bob")
        await send(store, *(private("ann", "bob", str(n)) for n in range(3)))
        heard = [news.message for news in self.news]
        self.assertEqual([message.content for message in heard], ["0", "1", "2"])
        self.assertEqual(heard[0].sender, User("ann", "ann"))

    async def test_it_is_not_complete_when_a_newer_message_went_by_the_limit_in_all(self) -> None:
        store = await self.make_store(max_messages=2)
        ids = await numbered(store, 2)
        await send(store, private("x", "y"))
        await self.assertMissed(store, ANCIENT, ["1"], False)
        await self.assertMissed(store, ids[0], ["1"], True)

    async def test_a_hole_is_remembered_when_the_user_was_forgotten(self) -> None:
        store = await self.make_store(max_messages=1, ttl=60)
        ids = await numbered(store, 1)
        await send(store, private("x", "y"))
        await self.assertMissed(store, ANCIENT, [], False)
        await store.users.put("ann", None)
        await enter(store, "ann")
        await self.assertMissed(store, ANCIENT, [], False)
        await self.assertMissed(store, ids[0], [], True)

    async def test_who_sent_or_got_a_message_is_not_forgotten_while_it_is_kept(self) -> None:
        store = await self.make_store(max_messages=1)
        for user_id in ("ann", "bob"):
            await store.users.put(user_id, None)
        await send(store, private("ann", "bob"))
        for user_id in ("ann", "bob"):
            store.users.exit(user_id)
        self.assertEqual([(await store.users.get(who)).id for who in ("ann", "bob")], ["ann", "bob"])
        await send(store, private("cat", "dan"))
        await self.let_be_forgotten()
        for user_id in ("ann", "bob"):
            await self.refusal(NotFound, store.users.get(user_id))
