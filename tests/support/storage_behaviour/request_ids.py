"""How any storage treats a ``request_id``: what is sent again is not stored again."""

from __future__ import annotations

from msgspec.structs import replace

from gim.errors import Conflict, Forbidden, NotFound
from gim.storage.announcements import MessageStored
from gim.storage.interface import Draft
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
)

WINDOW = 300  # seconds that an answer is remembered
REMEMBERED = 20  # answers of one sender


def request(request_id: str, content: str = "hi") -> Draft:
    return private("ann", "bob", content, request_id=request_id)


class RequestBehaviour(StorageCase):
    """The same sender, session and request_id within the window: the same answer."""

    async def test_a_repeated_request_gets_the_first_answer_and_stores_nothing(self) -> None:
        store = await self.make_store(sequences=True)
        first, again = await send(store, *[request("r", "first")] * 2)
        self.assertEqual(again, first)
        self.assertEqual(await contents_of(store, AB), ["first"])

    async def test_a_request_id_used_again_for_another_message_is_a_conflict(self) -> None:
        store = await self.make_store(sequences=True)
        await join(store, "room", "ann")
        await enter(store, "bob")
        for first in (request("r"), posted("room", "ann", request_id="r")):
            (sent,) = await send(store, first)
            for other in ({"content": "other"}, {"category": "picture"}):
                refusal = await self.refusal(Conflict, store.messages.append(replace(first, **other)))
                self.assertIn("request_id", str(refusal))
            self.assertEqual(await send(store, first), [sent])
            self.assertEqual(await contents_of(store, first.session), ["hi"])
            (new,) = await send(store, replace(first, content="other", request_id=""))
            self.assertEqual(new.sequence, 2)
        await self.settle()
        self.assertEqual([news.message.content for news in self.news], ["hi", "other"])

    async def test_content_and_category_are_not_run_together(self) -> None:
        store = await self.make_store()
        await send(store, request("r", "ab"))
        other = replace(request("r", "b"), category="texta")
        await self.refusal(Conflict, store.messages.append(other))

    async def test_a_repeated_request_announces_nothing(self) -> None:
        store = await self.make_store()
        await enter(store, "bob")
        await send(store, *[request("r")] * 3)
        await self.settle()
        self.assertEqual(len(self.news), 1)

    async def test_a_repeated_request_to_a_chatroom_stores_and_announces_nothing(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        await store.chatrooms.subscribe("room")
        first, again = await send(store, *[posted("room", "ann", request_id="r")] * 2)
        await self.settle()
        self.assertEqual(again, first)
        self.assertEqual((await contents_of(store, ROOM), len(self.news)), (["hi"], 1))

    async def test_a_repeated_request_moves_no_session(self) -> None:
        store = await self.make_store()
        await send(store, request("r"), private("ann", "cat"), request("r"))
        items, _ = await store.messages.sessions("ann", None, None, 10)
        self.assertEqual([item.id for item in items], ["2:ann:cat", AB.id])

    async def test_requests_without_a_request_id_are_all_stored(self) -> None:
        store = await self.make_store()
        first, second = await send(store, *[private("ann", "bob")] * 2)
        self.assertNotEqual(first.id, second.id)
        self.assertEqual(await contents_of(store, AB), ["hi", "hi"])

    async def test_another_request_id_is_another_request(self) -> None:
        store = await self.make_store()
        await send(store, request("r", "one"), request("R", "two"), request("r ", "three"))
        self.assertEqual(await contents_of(store, AB), ["one", "two", "three"])

    async def test_the_same_request_id_in_another_session_is_another_request(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        drafts = [
            request("r"),
            private("ann", "cat", request_id="r"),
            posted("room", "ann", request_id="r"),
        ]
        self.assertEqual(len({sent.id for sent in await send(store, *drafts)}), 3)

    async def test_the_same_request_id_of_another_sender_is_another_request(self) -> None:
        store = await self.make_store()
        await send(store, request("r", "ann's"), private("bob", "ann", "bob's", request_id="r"))
        self.assertEqual(await contents_of(store, AB), ["ann's", "bob's"])

    async def test_sender_session_and_request_id_are_not_run_together(self) -> None:
        store = await self.make_store()
        drafts = [
            private("a", "b", request_id="b:c"),
            private("a", "b", request_id="c"),
            private("a", "bb", request_id="c"),
            private("aa", "b", request_id="c"),
        ]
        self.assertEqual(len({sent.id for sent in await send(store, *drafts)}), 4)

    async def test_an_answer_is_remembered_for_5_minutes(self) -> None:
        store = await self.make_store()
        (first,) = await send(store, request("r"))
        await self.advance(WINDOW - 1)
        self.assertEqual(await send(store, request("r")), [first])

    async def test_after_5_minutes_a_request_is_stored_anew(self) -> None:
        store = await self.make_store()
        (first,) = await send(store, request("r"))
        await self.advance(WINDOW + 1)
        anew, again = await send(store, request("r"), request("r"))
        self.assertNotEqual(anew.id, first.id)
        self.assertEqual(again, anew)

    async def test_the_5_minutes_count_from_the_first_request(self) -> None:
        store = await self.make_store()
        (first,) = await send(store, request("r"))
        await self.advance(WINDOW - 100)
        self.assertEqual(await send(store, request("r")), [first])
        await self.advance(101)
        (anew,) = await send(store, request("r"))
        self.assertNotEqual(anew.id, first.id)

    async def test_a_request_stored_anew_is_remembered_for_another_5_minutes(self) -> None:
        store = await self.make_store()
        await send(store, request("r"))
        await self.advance(WINDOW + 1)
        (anew,) = await send(store, request("r"))
        await self.advance(WINDOW - 1)
        _other, again = await send(store, request("other"), request("r"))
        self.assertEqual(again, anew)

    async def test_a_request_whose_message_was_removed_by_the_limit_is_stored_anew(self) -> None:
        store = await self.make_store(max_session_messages=1)
        await join(store, "room", "ann", "bob")
        for draft, newer in (
            (request("r"), private("bob", "ann", "newer")),
            (posted("room", "ann", request_id="r"), posted("room", "bob", "newer")),
        ):
            first, _, anew, again = await send(store, draft, newer, draft, draft)
            self.assertGreater(anew.id, first.id)
            self.assertEqual(again, anew)
            self.assertEqual(await contents_of(store, draft.session), ["hi"])

    async def test_a_request_whose_message_has_expired_is_stored_anew(self) -> None:
        store = await self.make_store(ttl=10)
        await join(store, "room", "ann")
        for draft in (request("r"), posted("room", "ann", request_id="r")):
            (first,) = await send(store, draft)
            await self.advance(11)
            anew, again = await send(store, replace(draft, content="new"), replace(draft, content="new"))
            self.assertGreater(anew.id, first.id)
            self.assertEqual(again, anew)
            self.assertEqual(await contents_of(store, draft.session), ["new"])

    async def test_a_request_of_a_chatroom_that_was_dismissed_is_stored_in_the_new_one(self) -> None:
        store = await self.make_store(sequences=True)
        await join(store, "room", "ann")
        (first,) = await send(store, posted("room", "ann", request_id="r"))
        await store.moderation.dismiss("room", "ann")
        await self.refusal(NotFound, store.messages.append(posted("room", "ann", request_id="r")))
        await join(store, "room", "ann")
        (anew,) = await send(store, posted("room", "ann", "new", request_id="r"))
        self.assertGreater(anew.id, first.id)
        self.assertEqual(await contents_of(store, ROOM), ["new"])

    async def test_a_request_whose_message_was_recalled_does_not_bring_it_back(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann")
        await enter(store, "bob")
        for draft in (request("r", "secret"), posted("room", "ann", "secret", request_id="r")):
            (first,) = await send(store, draft)
            await store.moderation.recall(draft.session, "ann", first.id)
            self.assertEqual(await send(store, draft), [first])
            await self.refusal(Conflict, store.messages.append(replace(draft, content="")))
            self.assertEqual(await contents_of(store, draft.session), [""])
        await self.settle()
        stored = [news for news in self.news if isinstance(news, MessageStored)]
        self.assertEqual(len(stored), 1)

    async def test_so_many_answers_of_a_sender_are_remembered_the_newest(self) -> None:
        store = await self.make_store(request_ids_per_sender=REMEMBERED)
        sent = await send(store, *(request(str(n)) for n in range(REMEMBERED + 1)))
        self.assertEqual(await send(store, request("1"), request(str(REMEMBERED))), [sent[1], sent[-1]])
        (anew,) = await send(store, request("0"))
        self.assertGreater(anew.id, sent[-1].id)

    async def test_the_number_of_remembered_answers_is_for_each_sender(self) -> None:
        store = await self.make_store(request_ids_per_sender=REMEMBERED)
        (first,) = await send(store, request("r"))
        await send(store, *(private("bob", "ann", request_id=str(n)) for n in range(REMEMBERED + 1)))
        self.assertEqual(await send(store, request("r")), [first])

    async def test_who_left_the_chatroom_still_gets_the_first_answer(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        (first,) = await send(store, posted("room", "ann", request_id="r"))
        await store.chatrooms.leave("room", "ann")
        self.assertEqual(await send(store, posted("room", "ann", request_id="r")), [first])
        await self.refusal(Forbidden, store.messages.append(posted("room", "ann", request_id="other")))
        self.assertEqual(await contents_of(store, ROOM, "bob"), ["hi"])

    async def test_a_request_that_was_refused_may_be_sent_again(self) -> None:
        store = await self.make_store()
        await join(store, "room", "bob")
        await self.refusal(Forbidden, store.messages.append(posted("room", "ann", request_id="r")))
        await join(store, "room", "ann")
        await send(store, posted("room", "ann", "now", request_id="r"))
        self.assertEqual(await contents_of(store, ROOM), ["now"])
