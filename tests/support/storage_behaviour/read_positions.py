"""How any storage keeps read positions."""

from __future__ import annotations

from gim.errors import Forbidden, NotFound
from gim.ids import Session, chatroom_session, private_session
from gim.model import Event
from gim.storage.announcements import SessionEvent
from gim.storage.interface import Storage
from tests.support.storage_behaviour.base import (
    AB,
    ANCIENT,
    FUTURE,
    ROOM,
    StorageCase,
    enter,
    join,
    listed,
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


class UnreadRecallBehaviour(StorageCase):
    """A recalled message does not count as unread."""

    async def assertUnread(self, store: Storage, private_left: int, room_left: int) -> None:
        """Check what bob's list shows, and that marking from the start answers with it."""
        for session, left in ((AB, private_left), (ROOM, room_left)):
            self.assertEqual(await unread_of(store, "bob", session), left)
            self.assertEqual(await store.messages.mark_read(session, "bob", ANCIENT), left)

    async def with_messages(self, count: int, **limits: int) -> tuple[Storage, list[str], list[str]]:
        """Return a store with messages of ann in both sessions, and their ids."""
        store = await self.make_store(**limits)
        await join(store, "room", "ann", "bob")
        to_bob = await send(store, *[private("ann", "bob")] * count)
        in_room = await send(store, *[posted("room", "ann")] * count)
        return store, [sent.id for sent in to_bob], [sent.id for sent in in_room]

    async def recall(self, store: Storage, *ids: str) -> None:
        """Recall messages of the private session and of the chatroom, in turn."""
        for number, message_id in enumerate(ids):
            await store.moderation.recall((AB, ROOM)[number % 2], "ann", message_id)

    async def test_a_message_recalled_before_it_was_read_is_not_unread(self) -> None:
        store, to_bob, in_room = await self.with_messages(3)
        await self.recall(store, to_bob[1], in_room[2])
        await self.assertUnread(store, 2, 2)
        await self.recall(store, to_bob[1], in_room[2])  # twice is once
        await self.assertUnread(store, 2, 2)
        await self.recall(store, to_bob[0], in_room[0], to_bob[2], in_room[1])
        await self.assertUnread(store, 0, 0)

    async def test_marking_counts_what_is_left_without_the_recalled(self) -> None:
        store, to_bob, in_room = await self.with_messages(5)
        await self.recall(store, to_bob[3], in_room[3], to_bob[1], in_room[1])
        for session, ids in ((AB, to_bob), (ROOM, in_room)):
            left = [await store.messages.mark_read(session, "bob", message_id) for message_id in ids]
            self.assertEqual(left, [2, 2, 1, 1, 0])

    async def test_a_recall_of_what_was_read_changes_nothing(self) -> None:
        store, to_bob, in_room = await self.with_messages(3)
        await store.messages.mark_read(AB, "bob", to_bob[1])
        await store.messages.mark_read(ROOM, "bob", in_room[1])
        await self.recall(store, to_bob[0], in_room[1])
        await self.assertUnread(store, 1, 1)

    async def test_what_comes_after_a_recall_is_unread(self) -> None:
        store, to_bob, in_room = await self.with_messages(1)
        await self.recall(store, to_bob[0], in_room[0])
        await send(store, private("ann", "bob"), posted("room", "ann"))
        await self.assertUnread(store, 1, 1)

    async def test_each_reader_has_less_unread(self) -> None:
        store, _, in_room = await self.with_messages(2)
        await join(store, "room", "cat")
        (sent,) = await send(store, posted("room", "ann"))
        await store.moderation.recall(ROOM, "ann", sent.id)
        self.assertEqual([await unread_of(store, who, ROOM) for who in ("bob", "cat")], [2, 0])
        await store.moderation.recall(ROOM, "ann", in_room[0])
        self.assertEqual([await unread_of(store, who, ROOM) for who in ("bob", "cat")], [1, 0])

    async def test_a_recalled_message_that_was_trimmed_is_not_subtracted(self) -> None:
        store, to_bob, in_room = await self.with_messages(3, max_session_messages=3)
        await self.recall(store, to_bob[0], in_room[0], to_bob[2], in_room[2])
        await send(store, private("ann", "bob"), posted("room", "ann"))
        await self.assertUnread(store, 2, 2)
        await send(store, *[private("ann", "bob"), posted("room", "ann")] * 2)
        await self.assertUnread(store, 3, 3)

    async def test_a_recalled_message_that_has_expired_is_not_subtracted(self) -> None:
        store, to_bob, in_room = await self.with_messages(2, ttl=60)
        await self.recall(store, to_bob[0], in_room[0])
        await self.advance(40)
        (private_one, room_one) = await send(store, private("ann", "bob"), posted("room", "ann"))
        await self.assertUnread(store, 2, 2)
        await self.advance(30)
        await self.assertUnread(store, 1, 1)
        await self.recall(store, private_one.id, room_one.id)
        await self.assertUnread(store, 0, 0)
        await self.advance(60)
        self.assertEqual(await listed(store, "bob"), [ROOM.id])
        await send(store, private("ann", "bob"), posted("room", "ann"))
        await self.assertUnread(store, 1, 1)

    async def test_a_chatroom_that_is_made_anew_knows_no_old_recall(self) -> None:
        store, _, in_room = await self.with_messages(2)
        await store.moderation.recall(ROOM, "ann", in_room[1])
        await store.moderation.dismiss("room", "ann")
        await join(store, "room", "ann", "bob")
        await send(store, posted("room", "ann"))
        self.assertEqual(await unread_of(store, "bob", ROOM), 1)


class ReadNewsBehaviour(StorageCase):
    """A read position that moved is announced to the reader, and to them only."""

    async def told(self) -> list[tuple[str, Event]]:
        """Return who was told of which event since the last time."""
        await self.settle()
        told = [(news.reader, news.event) for news in self.news if isinstance(news, SessionEvent)]
        self.news.clear()
        return told

    async def with_unread(self, count: int) -> tuple[Storage, list[tuple[Session, list[str]]]]:
        """Return a store where all are subscribed to, and both sessions of bob with their messages."""
        store = await self.make_store()
        for user_id in ("ann", "bob"):
            await enter(store, user_id)
        await join(store, "room", "ann", "bob")
        await store.chatrooms.subscribe("room")
        found = []
        for session, draft in ((AB, private("ann", "bob")), (ROOM, posted("room", "ann"))):
            found.append((session, [sent.id for sent in await send(store, *[draft] * count)]))
        self.assertEqual(await self.told(), [])  # sending is no news of this kind
        return store, found

    def read(self, session: Session, message_id: str, unread: int) -> tuple[str, Event]:
        return "bob", Event("read", "bob", session.id, "bob", message_id, unread=unread)

    async def test_the_reader_is_told_of_position_and_unread(self) -> None:
        store, found = await self.with_unread(3)
        for session, ids in found:
            await store.messages.mark_read(session, "bob", ids[1])
            self.assertEqual(await self.told(), [self.read(session, ids[1], 1)])
            await store.messages.mark_read(session, "bob", FUTURE)
            self.assertEqual(await self.told(), [self.read(session, ids[2], 0)])

    async def test_a_position_that_stays_is_not_told(self) -> None:
        store, found = await self.with_unread(2)
        for session, ids in found:
            await store.messages.mark_read(session, "ann", ids[1])  # sending moved it there
            await store.messages.mark_read(session, "bob", ids[1])
            await self.told()
            for message_id in (ids[1], ids[0], ANCIENT, FUTURE):
                await store.messages.mark_read(session, "bob", message_id)
        self.assertEqual(await self.told(), [])

    async def test_a_position_that_passes_no_unread_message_is_not_told(self) -> None:
        store, found = await self.with_unread(3)
        for session, ids in found:
            await store.messages.mark_read(session, "bob", ids[0])
            await store.moderation.recall(session, "ann", ids[1])
            await self.told()
            just_after_the_first, recalled = ids[0][:-1] + "f", ids[1]
            for message_id in (just_after_the_first, recalled):
                self.assertEqual(await store.messages.mark_read(session, "bob", message_id), 1)
            self.assertEqual(await self.told(), [])
            await store.messages.mark_read(session, "bob", ids[2])
            self.assertEqual(await self.told(), [self.read(session, ids[2], 0)])

    async def test_unread_is_told_without_recalled_messages(self) -> None:
        store, found = await self.with_unread(4)
        for session, ids in found:
            await store.moderation.recall(session, "ann", ids[2])
            await self.told()
            await store.messages.mark_read(session, "bob", ids[0])
            self.assertEqual(await self.told(), [self.read(session, ids[0], 2)])

    async def test_sending_and_joining_move_it_without_an_event(self) -> None:
        store, _ = await self.with_unread(2)
        await send(store, private("bob", "ann"), posted("room", "bob"))
        await enter(store, "cat")
        await join(store, "room", "cat")
        self.assertEqual(await self.told(), [])

    async def test_what_was_refused_or_is_not_there_is_not_told(self) -> None:
        store, _ = await self.with_unread(1)
        await enter(store, "cat")
        await self.refusal(Forbidden, store.messages.mark_read(ROOM, "cat", FUTURE))
        await self.refusal(NotFound, store.messages.mark_read(chatroom_session("none"), "bob", FUTURE))
        await store.messages.mark_read(private_session("bob", "cat"), "bob", FUTURE)
        self.assertEqual(await self.told(), [])

    async def test_what_has_expired_moves_nothing(self) -> None:
        store = await self.make_store(ttl=60)
        await enter(store, "bob")
        await join(store, "room", "ann", "bob")
        await send(store, private("ann", "bob"), posted("room", "ann"))
        await self.advance(61)
        for session in (AB, ROOM):
            self.assertEqual(await store.messages.mark_read(session, "bob", FUTURE), 0)
        self.assertEqual(await self.told(), [])

    async def test_a_reader_who_is_not_connected_is_not_told(self) -> None:
        store, found = await self.with_unread(1)
        store.users.exit("bob")
        await self.settle()
        for session, ids in found:
            await store.messages.mark_read(session, "bob", ids[0])
        self.assertEqual(await self.told(), [])
