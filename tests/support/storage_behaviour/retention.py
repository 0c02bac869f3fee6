"""What any storage lets go of: by number in a session, by number in all, by age."""

from __future__ import annotations

from gim.ids import chatroom_session, private_session
from tests.support.storage_behaviour.base import (
    AB,
    ANCIENT,
    FUTURE,
    ROOM,
    StorageCase,
    contents_of,
    join,
    line_of,
    listed,
    posted,
    private,
    send,
    unread_of,
)

AC = private_session("ann", "cat")
TTL = 60.0
DAY = 86_400.0


class NumberBehaviour(StorageCase):
    """A session holds so many messages, all sessions together so many."""

    async def test_a_session_holds_its_newest_messages_up_to_its_limit(self) -> None:
        store = await self.make_store(max_session_messages=3)
        await send(store, *(private("ann", "bob", str(n)) for n in range(5)))
        self.assertEqual(await contents_of(store, AB), ["2", "3", "4"])
        self.assertEqual((await store.messages.history(AB, "ann", None, 3))[1], False)

    async def test_the_limit_of_a_session_is_for_each_session(self) -> None:
        store = await self.make_store(max_session_messages=2)
        await join(store, "room", "ann")
        for n in range(3):
            await send(store, private("ann", "bob", str(n)), posted("room", "ann", str(n)))
        self.assertEqual(await contents_of(store, AB), ["1", "2"])
        self.assertEqual(await contents_of(store, ROOM), ["1", "2"])

    async def test_a_session_may_hold_a_single_message(self) -> None:
        store = await self.make_store(max_session_messages=1)
        await send(store, private("ann", "bob", "one"), private("bob", "ann", "two"))
        self.assertEqual(await contents_of(store, AB), ["two"])

    async def test_unread_counts_only_what_is_kept(self) -> None:
        store = await self.make_store(max_session_messages=2)
        await send(store, *[private("ann", "bob")] * 5)
        self.assertEqual(await unread_of(store, "bob", AB), 2)


class AgeBehaviour(StorageCase):
    """No expired message is handed out, swept or not."""

    async def test_a_message_younger_than_the_time_to_live_is_there(self) -> None:
        store = await self.make_store(ttl=TTL)
        await send(store, private("ann", "bob"))
        await self.advance(TTL - 1)
        self.assertEqual(await contents_of(store, AB), ["hi"])
        self.assertEqual(await unread_of(store, "bob", AB), 1)

    async def test_a_session_is_listed_while_its_messages_live_whatever_one_does_in_chatrooms(
        self,
    ) -> None:
        store = await self.make_store(ttl=30 * DAY)
        await send(store, private("dan", "cat", "one"))
        await self.advance(20 * DAY)
        await join(store, "room", "cat")
        await send(store, posted("room", "cat"))
        await store.chatrooms.leave("room", "cat")
        await send(store, private("dan", "cat", "two"))
        await self.advance(20 * DAY)
        self.assertEqual(await listed(store, "cat"), ["2:cat:dan"])
        missed = await store.messages.missed("cat", None, 10)
        self.assertEqual([message.content for message in missed.messages], ["two"])

    async def test_any_time_to_live_will_do(self) -> None:
        for ttl in (12.341, 60.003, 3600.001):
            store = await self.make_store(ttl=ttl)
            await join(store, "room", "ann")
            for draft in (private("ann", "bob", request_id="r"), posted("room", "ann", request_id="r")):
                self.assertEqual(await send(store, draft), await send(store, draft), ttl)

    async def test_expired_messages_are_not_in_the_history(self) -> None:
        store = await self.make_store(ttl=TTL)
        (gone,) = await send(store, private("ann", "bob", "gone"))
        await self.advance(TTL / 2)
        await send(store, private("ann", "bob", "kept"))
        await self.advance(TTL / 2 + 1)
        self.assertEqual(await contents_of(store, AB), ["kept"])
        self.assertEqual((await store.messages.history(AB, "ann", None, 1))[1], False)
        self.assertEqual(await store.messages.history(AB, "ann", gone.id, 1), ([], False))

    async def test_expired_messages_are_not_unread(self) -> None:
        store = await self.make_store(ttl=TTL)
        await send(store, *[private("ann", "bob")] * 2)
        await self.advance(TTL / 2)
        (newest,) = await send(store, private("ann", "bob"))
        await self.advance(TTL / 2 + 1)
        self.assertEqual(await unread_of(store, "bob", AB), 1)
        self.assertEqual(await store.messages.mark_read(AB, "bob", ANCIENT), 1)
        self.assertEqual(await store.messages.mark_read(AB, "bob", newest.id), 0)

    async def test_a_private_session_leaves_the_list_when_its_newest_message_expires(self) -> None:
        store = await self.make_store(ttl=TTL)
        await send(store, private("ann", "bob"))
        await self.advance(2)
        await send(store, private("ann", "cat"))
        await self.advance(TTL - 1)
        self.assertEqual(await listed(store, "ann"), [AC.id])
        self.assertEqual(await listed(store, "bob"), [])
        self.assertEqual(await store.messages.mark_read(AB, "bob", FUTURE), 0)

    async def test_a_chatroom_whose_messages_expired_is_listed_from_the_joining(self) -> None:
        store = await self.make_store(ttl=TTL)
        await join(store, "old", "ann", "bob")
        await join(store, "new", "ann")
        await send(store, posted("old", "bob"))
        self.assertEqual(await listed(store, "ann"), ["1:old", "1:new"])
        await self.advance(TTL + 1)
        self.assertEqual(await listed(store, "ann"), ["1:new", "1:old"])
        line = await line_of(store, "ann", chatroom_session("old"))
        self.assertEqual((line.last, line.unread), (None, 0))

    async def test_expired_messages_are_not_missed(self) -> None:
        store = await self.make_store(ttl=TTL)
        await send(store, private("ann", "bob", "gone"), private("cat", "bob", "gone"))
        await self.advance(TTL / 2)
        await send(store, private("cat", "bob", "kept"))
        await self.advance(TTL / 2 + 1)
        for since in (None, ANCIENT):
            missed = await store.messages.missed("bob", since, 10)
            self.assertEqual([m.content for m in missed.messages], ["kept"], since)
            self.assertEqual(list(missed.titles), [private_session("bob", "cat").id], since)

    async def test_expired_messages_take_no_room_from_new_ones(self) -> None:
        store = await self.make_store(ttl=TTL, max_session_messages=2)
        await send(store, *[private("ann", "bob")] * 2, private("cat", "dan"))
        await self.advance(TTL + 1)
        await send(store, private("ann", "bob", "1"), private("ann", "bob", "2"), private("cat", "dan"))
        self.assertEqual(await contents_of(store, AB), ["1", "2"])

    async def test_messages_go_on_in_a_session_whose_messages_all_expired(self) -> None:
        store = await self.make_store(ttl=TTL)
        await join(store, "room", "ann", "bob")
        await send(store, private("ann", "bob", "gone"), posted("room", "ann", "gone"))
        await self.advance(TTL + 1)
        await send(store, private("ann", "bob", "new"), posted("room", "ann", "new"))
        for session in (AB, ROOM):
            self.assertEqual(await contents_of(store, session, "bob"), ["new"])
            self.assertEqual(await unread_of(store, "bob", session), 1)
