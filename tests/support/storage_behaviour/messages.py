"""How any storage numbers messages, and what it hands out of a session's history."""

from __future__ import annotations

import uuid
from itertools import pairwise

from gim.errors import Forbidden
from gim.ids import chatroom_session, private_session
from gim.model import Message, Sent, User
from gim.storage.interface import Draft
from tests.support.storage_behaviour.base import (
    AB,
    ANCIENT,
    FUTURE,
    ROOM,
    StorageCase,
    contents,
    contents_of,
    join,
    messages_of,
    posted,
    private,
    send,
)


class IdBehaviour(StorageCase):
    """Ids, times and sequences of messages."""

    def assertRising(self, sent: list[Sent]) -> None:
        pairs = pairwise(answer.id for answer in sent)
        self.assertEqual([pair for pair in pairs if pair[0] >= pair[1]], [])

    async def test_ids_rise_strictly_while_the_clock_stands_still(self) -> None:
        store = await self.make_store()
        self.assertRising(await send(store, *[private("ann", "bob")] * 50))

    async def test_ids_rise_strictly_when_the_clock_goes_back(self) -> None:
        store = await self.make_store()
        sent = await send(store, private("ann", "bob"))
        await self.advance(-3600)
        sent += await send(store, *[private("bob", "ann")] * 2)
        await self.advance(3601)
        self.assertRising(sent + await send(store, private("ann", "bob")))

    async def test_ids_rise_strictly_through_messages_of_one_millisecond(self) -> None:
        store = await self.make_store()
        sent = await send(store, *[private("ann", "bob")] * 50)
        self.assertRising(sent)
        found = await messages_of(store, AB, count=20)
        self.assertEqual([message.id for message in found], [one.id for one in sent[-20:]])

    async def test_ids_rise_strictly_across_sessions(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        drafts = [private("zoe", "yan"), posted("room", "ann"), private("ann", "bob")]
        self.assertRising(await send(store, *drafts * 3))

    async def test_an_id_is_a_uuid_of_version_7_in_32_lower_case_hex_digits(self) -> None:
        store = await self.make_store()
        for sent in await send(store, *[private("ann", "bob")] * 20):
            made = uuid.UUID(sent.id)
            self.assertEqual((made.version, made.variant, made.hex), (7, uuid.RFC_4122, sent.id))

    async def test_created_at_is_the_time_within_the_id(self) -> None:
        store = await self.make_store()
        sent = []
        for step in (0, 1, -60, 0, 120.5):  # an id may run ahead of the clock: created_at goes with it
            await self.advance(step)
            sent += await send(store, private("ann", "bob"))
        self.assertEqual([s.created_at for s in sent], [int(s.id[:12], 16) for s in sent])
        self.assertEqual(
            [m.created_at for m in await messages_of(store, AB)], [s.created_at for s in sent]
        )

    async def test_created_at_follows_the_clock(self) -> None:
        store = await self.make_store()
        (earlier,) = await send(store, private("ann", "bob"))
        await self.advance(5)
        (later,) = await send(store, private("ann", "bob"))
        self.assertGreaterEqual(later.created_at - earlier.created_at, 5000)

    async def test_sequences_are_0_unless_they_are_asked_for(self) -> None:
        store = await self.make_store()
        self.assertEqual([s.sequence for s in await send(store, *[private("ann", "bob")] * 2)], [0, 0])
        self.assertEqual([m.sequence for m in await messages_of(store, AB)], [0, 0])

    async def test_each_session_counts_its_own_sequence_from_1_without_a_gap(self) -> None:
        store = await self.make_store(sequences=True)
        await join(store, "room", "ann", "bob")
        drafts = [
            private("ann", "bob"),
            posted("room", "ann"),
            private("bob", "ann"),
            private("ann", "cat"),
        ]
        sent = await send(store, *drafts * 2)
        self.assertEqual([s.sequence for s in sent], [1, 1, 2, 1, 3, 2, 4, 2])
        self.assertEqual([m.sequence for m in await messages_of(store, AB)], [1, 2, 3, 4])

    async def test_the_sequence_goes_on_when_the_oldest_messages_are_trimmed(self) -> None:
        store = await self.make_store(sequences=True, max_session_messages=2)
        await send(store, *[private("ann", "bob")] * 4)
        self.assertEqual([m.sequence for m in await messages_of(store, AB)], [3, 4])

    async def test_the_sequence_goes_on_when_all_messages_of_the_session_expired(self) -> None:
        store = await self.make_store(sequences=True, ttl=60)
        await join(store, "room", "ann")
        for number in (1, 2):
            sent = await send(store, private("ann", "bob"), posted("room", "ann"))
            self.assertEqual([s.sequence for s in sent], [number, number])
            await self.advance(61)

    async def test_a_send_that_is_refused_or_repeated_leaves_no_gap_in_the_sequence(self) -> None:
        store = await self.make_store(sequences=True)
        await join(store, "room", "ann")
        await send(store, *[posted("room", "ann", request_id="once")] * 2)
        await self.refusal(Forbidden, store.messages.append(posted("room", "bob")))
        (sent,) = await send(store, posted("room", "ann"))
        self.assertEqual(sent.sequence, 2)


class HistoryBehaviour(StorageCase):
    """What history hands out."""

    async def test_a_message_is_handed_out_as_it_was_sent(self) -> None:
        store = await self.make_store(sequences=True)
        await store.users.put("ann", "Ann")
        draft = Draft(AB, User("ann", "Ann"), "a.png", "picture")
        (sent,) = await send(store, draft)
        (message,) = await messages_of(store, AB)
        expected = (sent.id, AB.id, User("ann", "Ann"), "picture", "a.png", 1, 1, sent.created_at)
        self.assertEqual(message, Message(*expected))
        self.assertEqual((sent.session_id, sent.sequence), (AB.id, 1))

    async def test_what_was_handed_out_cannot_change_what_is_stored(self) -> None:
        store = await self.make_store()
        await send(store, private("ann", "bob"))
        messages = await messages_of(store, AB)
        with self.assertRaises(AttributeError):
            messages[0].content = "changed"  # type: ignore[misc]
        messages.clear()
        self.assertEqual(await contents_of(store, AB), ["hi"])

    async def test_content_of_any_characters_is_kept_exactly(self) -> None:
        store = await self.make_store()
        said = ["\0", " ", "\r\n\u2028", "42", "é e\u0301", "😀\uffff", '{"a":1}', "x" * 4096]
        await send(store, *(private("ann", "bob", content) for content in said))
        self.assertEqual(await contents_of(store, AB), said)

    async def test_both_people_of_a_private_session_read_the_same(self) -> None:
        store = await self.make_store()
        await send(store, private("ann", "bob", "one"), private("bob", "ann", "two"))
        self.assertEqual(await contents_of(store, AB, "ann"), ["one", "two"])
        self.assertEqual(await messages_of(store, AB, "bob"), await messages_of(store, AB, "ann"))

    async def test_a_private_session_without_messages_is_an_empty_list(self) -> None:
        store = await self.make_store()
        self.assertEqual(await store.messages.history(AB, "ann", None, 20), ([], False))

    async def test_a_chatroom_without_messages_is_an_empty_list(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        self.assertEqual(await store.messages.history(ROOM, "ann", None, 20), ([], False))

    async def test_history_is_the_newest_messages_in_ascending_order(self) -> None:
        store = await self.make_store()
        await send(store, *(private("ann", "bob", str(n)) for n in range(5)))
        messages, has_more = await store.messages.history(AB, "ann", None, 3)
        self.assertEqual((contents(messages), has_more), (["2", "3", "4"], True))

    async def test_has_more_is_false_when_the_page_reaches_the_oldest_message(self) -> None:
        store = await self.make_store()
        await send(store, *(private("ann", "bob", str(n)) for n in range(3)))
        messages, has_more = await store.messages.history(AB, "ann", None, 3)
        self.assertEqual((contents(messages), has_more), (["0", "1", "2"], False))

    async def test_before_is_exclusive(self) -> None:
        store = await self.make_store()
        sent = await send(store, *(private("ann", "bob", str(n)) for n in range(5)))
        messages, has_more = await store.messages.history(AB, "ann", sent[3].id, 2)
        self.assertEqual((contents(messages), has_more), (["1", "2"], True))

    async def test_before_may_be_any_well_formed_id(self) -> None:
        store = await self.make_store()
        await send(store, *(private("ann", "bob", str(n)) for n in range(2)))
        self.assertEqual(await store.messages.history(AB, "ann", ANCIENT, 5), ([], False))
        self.assertEqual(contents(await messages_of(store, AB, before=FUTURE)), ["0", "1"])

    async def test_before_may_be_the_id_of_a_message_that_is_gone(self) -> None:
        store = await self.make_store(max_session_messages=2)
        sent = await send(store, *(private("ann", "bob", str(n)) for n in range(4)))
        self.assertEqual(await store.messages.history(AB, "ann", sent[1].id, 5), ([], False))
        self.assertEqual(await store.messages.history(AB, "ann", sent[2].id, 5), ([], False))

    async def test_walking_back_page_by_page_finds_every_message_once(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        await send(store, *(posted("room", "ann", str(n)) for n in range(10)))
        found: list[Message] = []
        more: list[bool] = []
        before = None
        for _ in range(4):
            page, has_more = await store.messages.history(ROOM, "ann", before, 3)
            found, before, more = page + found, page[0].id, [*more, has_more]
        self.assertEqual(contents(found), [str(n) for n in range(10)])
        self.assertEqual(more, [True, True, True, False])

    async def test_sessions_whose_ids_begin_alike_do_not_mix(self) -> None:
        store = await self.make_store()
        for chatroom_id in ("1", "10", "1-"):
            await join(store, chatroom_id, "ann")
            await send(store, posted(chatroom_id, "ann", chatroom_id))
        await send(
            store, private("a", "b", "a b"), private("a", "bb", "a bb"), private("aa", "b", "aa b")
        )
        self.assertEqual(await contents_of(store, chatroom_session("1")), ["1"])
        self.assertEqual(await contents_of(store, private_session("a", "b"), "a"), ["a b"])
