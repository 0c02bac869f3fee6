"""How any storage keeps read positions."""

from __future__ import annotations

from gim.errors import Forbidden, NotFound
from tests.support.storage_behaviour.base import (
    AB,
    ANCIENT,
    FUTURE,
    ROOM,
    StorageCase,
    join,
    posted,
    private,
    send,
    unread_of,
)


class ReadBehaviour(StorageCase):
    """What is unread, and what moves the read position."""

    async def test_what_others_send_is_unread(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        await send(store, *[private("ann", "bob"), posted("room", "ann")] * 3)
        self.assertEqual([await unread_of(store, "bob", session) for session in (AB, ROOM)], [3, 3])

    async def test_marking_returns_how_many_messages_are_left(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        for session, draft in ((AB, private("ann", "bob")), (ROOM, posted("room", "ann"))):
            sent = await send(store, *[draft] * 4)
            self.assertEqual(await store.messages.mark_read(session, "bob", sent[1].id), 2)
            self.assertEqual(await unread_of(store, "bob", session), 2)

    async def test_the_read_position_never_goes_back(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        for session, draft in ((AB, private("ann", "bob")), (ROOM, posted("room", "ann"))):
            sent = await send(store, *[draft] * 3)
            await store.messages.mark_read(session, "bob", sent[1].id)
            self.assertEqual(await store.messages.mark_read(session, "bob", sent[0].id), 1)
            self.assertEqual(await store.messages.mark_read(session, "bob", ANCIENT), 1)

    async def test_the_read_position_never_goes_past_the_newest_message(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        for session, draft in ((AB, private("ann", "bob")), (ROOM, posted("room", "ann"))):
            await send(store, *[draft] * 2)
            self.assertEqual(await store.messages.mark_read(session, "bob", FUTURE), 0)
            await send(store, draft)
            self.assertEqual(await unread_of(store, "bob", session), 1)

    async def test_a_chatroom_without_messages_keeps_no_position_in_the_future(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        self.assertEqual(await store.messages.mark_read(ROOM, "bob", FUTURE), 0)
        await send(store, posted("room", "ann"))
        self.assertEqual(await unread_of(store, "bob", ROOM), 1)

    async def test_a_private_session_without_messages_has_nothing_unread(self) -> None:
        store = await self.make_store()
        self.assertEqual(await store.messages.mark_read(AB, "bob", FUTURE), 0)
        await send(store, private("ann", "bob"))
        self.assertEqual(await unread_of(store, "bob", AB), 1)

    async def test_sending_reads_everything_before(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        await send(store, *[private("ann", "bob"), posted("room", "ann")] * 2)
        await send(store, private("bob", "ann"), posted("room", "bob"))
        self.assertEqual([await unread_of(store, "bob", session) for session in (AB, ROOM)], [0, 0])
        self.assertEqual([await unread_of(store, "ann", session) for session in (AB, ROOM)], [1, 1])

    async def test_each_reader_has_a_position_of_their_own(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob", "cat")
        (sent,) = await send(store, posted("room", "ann"))
        await store.messages.mark_read(ROOM, "bob", sent.id)
        self.assertEqual([await unread_of(store, reader, ROOM) for reader in ("bob", "cat")], [0, 1])

    async def test_the_id_of_a_message_that_is_gone_can_be_marked(self) -> None:
        store = await self.make_store(max_session_messages=2)
        sent = await send(store, *[private("ann", "bob")] * 4)
        self.assertEqual(await store.messages.mark_read(AB, "bob", sent[0].id), 2)
        self.assertEqual(await store.messages.mark_read(AB, "bob", sent[2].id), 1)

    async def test_an_id_of_another_session_marks_what_is_older(self) -> None:
        store = await self.make_store()
        sent = await send(store, private("ann", "bob"), private("cat", "dan"), private("ann", "bob"))
        self.assertEqual(await store.messages.mark_read(AB, "bob", sent[1].id), 1)

    async def test_who_joins_has_read_what_was_there(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        await send(store, *[posted("room", "ann")] * 2)
        await join(store, "room", "bob")
        self.assertEqual(await unread_of(store, "bob", ROOM), 0)
        await send(store, posted("room", "ann"))
        self.assertEqual(await unread_of(store, "bob", ROOM), 1)

    async def test_joining_twice_leaves_the_read_position_where_it_is(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        await send(store, posted("room", "ann"))
        await join(store, "room", "bob")
        self.assertEqual(await unread_of(store, "bob", ROOM), 1)

    async def test_who_left_and_comes_back_has_read_what_was_there(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        await send(store, posted("room", "ann"))
        await store.chatrooms.leave("room", "bob")
        await send(store, posted("room", "ann"))
        await join(store, "room", "bob")
        self.assertEqual(await unread_of(store, "bob", ROOM), 0)

    async def test_marking_a_chatroom_that_is_none_is_not_found(self) -> None:
        store = await self.make_store()
        await self.refusal(NotFound, store.messages.mark_read(ROOM, "ann", FUTURE))

    async def test_marking_a_chatroom_of_others_is_forbidden(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        await self.refusal(Forbidden, store.messages.mark_read(ROOM, "bob", FUTURE))
