"""How any storage tells what a user missed of their private messages."""

from __future__ import annotations

from gim.ids import private_session
from gim.storage.interface import Missed, Storage
from tests.support.storage_behaviour.base import (
    ANCIENT,
    FUTURE,
    StorageCase,
    contents,
    enter,
    join,
    posted,
    private,
    send,
)

NOTHING = Missed([], {}, True)


async def numbered(store: Storage, count: int) -> list[str]:
    """Send ann so many messages, 0, 1, 2 …, from bob and cat in turn; return their ids."""
    drafts = (private("bc"[n % 2], "ann", str(n)) for n in range(count))
    return [sent.id for sent in await send(store, *drafts)]


class CatchUpBehaviour(StorageCase):
    """Without a point: what was received after the catching-up mark."""

    async def missed(self, store: Storage, limit: int = 1000) -> list[str]:
        return contents((await store.messages.missed("ann", None, limit)).messages)

    async def test_who_got_nothing_missed_nothing(self) -> None:
        store = await self.make_store()
        self.assertEqual(await store.messages.missed("ann", None, 1000), NOTHING)
        await store.users.put("ann", None)
        await enter(store, "ann")
        self.assertEqual(await store.messages.missed("ann", None, 1000), NOTHING)

    async def test_messages_to_an_id_that_never_logged_in_wait_for_it(self) -> None:
        store = await self.make_store()
        await numbered(store, 3)
        await store.users.put("ann", None)
        await enter(store, "ann")
        self.assertEqual(await self.missed(store), ["0", "1", "2"])

    async def test_missed_messages_of_all_private_sessions_come_in_ascending_order(self) -> None:
        store = await self.make_store()
        await send(store, *(private(peer, "ann", f"{n}{peer}") for n in range(3) for peer in "zmb"))
        self.assertEqual(await self.missed(store), [f"{n}{peer}" for n in range(3) for peer in "zmb"])

    async def test_missed_messages_come_with_the_titles_of_their_sessions(self) -> None:
        store = await self.make_store()
        await store.users.put("b", "Bob")
        await numbered(store, 3)
        missed = await store.messages.missed("ann", None, 1000)
        titles = {private_session("ann", "b").id: "Bob", private_session("ann", "c").id: "c"}
        self.assertEqual(missed.titles, titles)
        self.assertEqual({message.session_id for message in missed.messages}, set(titles))

    async def test_what_one_sent_oneself_or_got_in_a_chatroom_is_not_missed(self) -> None:
        store = await self.make_store()
        await join(store, "room", "ann", "bob")
        await send(store, private("ann", "bob"), posted("room", "bob"))
        self.assertEqual(await store.messages.missed("ann", None, 1000), NOTHING)

    async def test_asking_again_gives_the_same_until_it_was_delivered(self) -> None:
        store = await self.make_store()
        await numbered(store, 2)
        for _ in range(2):
            self.assertEqual(await self.missed(store), ["0", "1"])

    async def test_what_was_delivered_is_not_missed(self) -> None:
        store = await self.make_store()
        ids = await numbered(store, 4)
        store.messages.delivered("ann", ids[1])
        await self.settle()
        self.assertEqual(await self.missed(store), ["2", "3"])
        store.messages.delivered("ann", ids[3])
        await self.settle()
        self.assertEqual(await store.messages.missed("ann", None, 1000), NOTHING)

    async def test_the_mark_never_goes_back(self) -> None:
        store = await self.make_store()
        ids = await numbered(store, 3)
        for message_id in (ids[1], ids[0], ANCIENT):
            store.messages.delivered("ann", message_id)
        await self.settle()
        self.assertEqual(await self.missed(store), ["2"])

    async def test_each_user_has_a_mark_of_their_own(self) -> None:
        store = await self.make_store()
        (sent,) = await send(store, private("ann", "bob", "to bob"))
        await numbered(store, 1)
        store.messages.delivered("ann", sent.id)
        await self.settle()
        self.assertEqual(contents((await store.messages.missed("bob", None, 10)).messages), ["to bob"])

    async def test_sending_or_reading_does_not_move_the_mark(self) -> None:
        store = await self.make_store()
        ids = await numbered(store, 1)
        await send(store, private("ann", "b"))
        await store.messages.mark_read(private_session("ann", "b"), "ann", ids[0])
        self.assertEqual(await self.missed(store), ["0"])

    async def test_what_comes_after_a_login_that_missed_nothing_is_missed(self) -> None:
        store = await self.make_store()
        await send(store, private("ann", "b", "own"))
        self.assertEqual(await store.messages.missed("ann", None, 1000), NOTHING)
        await numbered(store, 2)
        self.assertEqual(await self.missed(store), ["0", "1"])

    async def test_above_the_limit_the_newest_are_kept_and_the_rest_is_said_to_be_cut(self) -> None:
        store = await self.make_store()
        await numbered(store, 5)
        missed = await store.messages.missed("ann", None, 3)
        self.assertEqual((contents(missed.messages), missed.complete), (["2", "3", "4"], False))
        missed = await store.messages.missed("ann", None, 5)
        self.assertEqual((len(missed.messages), missed.complete), (5, True))

    async def test_own_messages_do_not_count_for_the_limit(self) -> None:
        store = await self.make_store()
        await numbered(store, 2)
        await send(store, *[private("ann", "b")] * 5)
        missed = await store.messages.missed("ann", None, 2)
        self.assertEqual((contents(missed.messages), missed.complete), (["0", "1"], True))

    async def test_without_a_point_what_was_trimmed_or_expired_leaves_no_hole(self) -> None:
        store = await self.make_store(max_session_messages=1, ttl=60)
        await send(store, *(private("b", "ann", str(n)) for n in range(3)))
        missed = await store.messages.missed("ann", None, 10)
        self.assertEqual((contents(missed.messages), missed.complete), (["2"], True))
        await self.advance(61)
        self.assertEqual(await store.messages.missed("ann", None, 10), NOTHING)


class MissedCase(StorageCase):
    """A word for what was missed after a point."""

    async def assertMissed(
        self, store: Storage, since: str, expected: list[str], complete: bool, limit: int = 1000
    ) -> None:
        missed = await store.messages.missed("ann", since, limit)
        self.assertEqual((contents(missed.messages), missed.complete), (expected, complete))


class SinceBehaviour(MissedCase):
    """With a point: everything newer, and whether that is all there was."""

    async def test_everything_newer_comes_whatever_was_delivered(self) -> None:
        store = await self.make_store()
        ids = await numbered(store, 4)
        store.messages.delivered("ann", ids[3])
        await self.settle()
        await self.assertMissed(store, ids[1], ["2", "3"], True)
        await self.assertMissed(store, ANCIENT, ["0", "1", "2", "3"], True)

    async def test_nothing_is_newer_than_the_newest(self) -> None:
        store = await self.make_store()
        ids = await numbered(store, 2)
        self.assertEqual(await store.messages.missed("ann", ids[-1], 1000), NOTHING)
        self.assertEqual(await store.messages.missed("ann", FUTURE, 1000), NOTHING)

    async def test_own_messages_are_included(self) -> None:
        store = await self.make_store()
        ids = await numbered(store, 2)
        await send(store, private("ann", "dan", "own"), private("b", "ann", "last"))
        await self.assertMissed(store, ids[0], ["1", "own", "last"], True)
        missed = await store.messages.missed("ann", ids[1], 1000)
        self.assertEqual(missed.titles, {"2:ann:b": "b", "2:ann:dan": "dan"})

    async def test_chatroom_messages_are_not_included(self) -> None:
        store = await self.make_store(max_session_messages=1)
        await join(store, "room", "ann", "bob")
        await send(store, *[posted("room", "bob")] * 3)
        self.assertEqual(await store.messages.missed("ann", ANCIENT, 1000), NOTHING)

    async def test_it_is_not_complete_when_the_limit_cut_it(self) -> None:
        store = await self.make_store()
        ids = await numbered(store, 5)
        await self.assertMissed(store, ids[0], ["3", "4"], False, limit=2)
        await self.assertMissed(store, ids[2], ["3", "4"], True, limit=2)

    async def test_of_more_than_the_limit_the_newest_come(self) -> None:
        store = await self.make_store()
        ids = await numbered(store, 22)
        await self.assertMissed(store, ids[1], [str(n) for n in range(2, 22)], True, limit=20)
        await self.assertMissed(store, ids[0], [str(n) for n in range(2, 22)], False, limit=20)

    async def test_lost_data_is_told_of_by_another_epoch(self) -> None:
        store = await self.make_store()
        (sent,) = await send(store, private("b", "ann", "lost"))
        before = await store.epoch()
        await self.advance(1)
        store = await self.lose_data(store)
        self.assertNotEqual(await store.epoch(), before)
        await self.advance(0.001)  # ids of two data sets have no order within a millisecond
        await send(store, private("b", "ann", "new"))
        await self.assertMissed(store, sent.id, ["new"], True)

    async def test_it_is_not_complete_when_a_newer_message_was_trimmed_from_its_session(self) -> None:
        store = await self.make_store(max_session_messages=2)
        ids = [sent.id for sent in await send(store, *(private("b", "ann", str(n)) for n in range(4)))]
        await self.assertMissed(store, ids[0], ["2", "3"], False)
        await self.assertMissed(store, ids[1], ["2", "3"], True)

    async def test_it_is_not_complete_when_a_newer_message_expired(self) -> None:
        store = await self.make_store(ttl=60)
        ids = await numbered(store, 2)
        await self.advance(40)
        await send(store, private("b", "ann", "2"))
        await self.advance(21)
        await self.assertMissed(store, ids[0], ["2"], False)
        await self.assertMissed(store, ids[1], ["2"], True)

    async def test_it_is_not_complete_when_a_session_expired_as_a_whole(self) -> None:
        store = await self.make_store(ttl=60)
        ids = await numbered(store, 2)
        await self.advance(61)
        await self.assertMissed(store, ids[0], [], False)
        await self.assertMissed(store, ids[1], [], True)
        await send(store, private("b", "ann", "2"))
        await self.assertMissed(store, ids[0], ["2"], False)
        await self.assertMissed(store, ids[1], ["2"], True)

    async def test_it_is_not_complete_when_a_session_that_expired_as_a_whole_begins_anew(self) -> None:
        store = await self.make_store(ttl=60)
        ids = await numbered(store, 1)
        await self.advance(100)  # Redis keeps the keys of a session for up to a fifth longer
        (new,) = await send(store, private("b", "ann", "new"))
        await self.assertMissed(store, ANCIENT, ["new"], False)
        await self.assertMissed(store, ids[0], ["new"], True)
        await self.assertMissed(store, new.id, [], True)

    async def test_it_is_not_complete_when_an_own_message_expired_before_its_session_began_anew(
        self,
    ) -> None:
        store = await self.make_store(ttl=60)
        (own,) = await send(store, private("ann", "b", "own"))
        await self.advance(100)
        await send(store, private("b", "ann", "new"))
        for user_id in ("ann", "b"):
            missed = await store.messages.missed(user_id, ANCIENT, 1000)
            self.assertEqual((contents(missed.messages), missed.complete), (["new"], False))
            self.assertTrue((await store.messages.missed(user_id, own.id, 1000)).complete)

    async def test_what_is_lost_stays_lost_while_its_session_begins_anew_again_and_again(self) -> None:
        store = await self.make_store(ttl=60)
        ids = []
        for n in range(3):
            ids += [sent.id for sent in await send(store, private("b", "ann", str(n)))]
            await self.advance(100)
        await send(store, private("b", "ann", "new"))
        for since, complete in zip((ANCIENT, *ids), (False, False, False, True), strict=True):
            await self.assertMissed(store, since, ["new"], complete)

    async def test_a_session_that_begins_is_not_one_that_lost_anything(self) -> None:
        store = await self.make_store(ttl=60)
        await numbered(store, 2)
        await self.assertMissed(store, ANCIENT, ["0", "1"], True)
        await send(store, private("new", "ann", "2", request_id="r"))
        await send(store, private("new", "ann", "2", request_id="r"))
        await self.assertMissed(store, ANCIENT, ["0", "1", "2"], True)

    async def test_it_is_not_complete_when_all_sessions_expired_while_one_came_and_went(self) -> None:
        store = await self.make_store(ttl=60)
        (since, _) = await numbered(store, 2)
        for _ in range(3):  # Redis keeps a user for a day longer than a message
            await self.advance(50_000)
            await store.users.put("ann", None)
            await enter(store, "ann")
        await self.assertMissed(store, since, [], False)

    async def test_what_others_lost_leaves_no_hole(self) -> None:
        store = await self.make_store(max_session_messages=1)
        await numbered(store, 2)
        await send(store, *[private("x", "y")] * 3)
        await self.assertMissed(store, ANCIENT, ["0", "1"], True)

    async def test_a_point_is_taken_for_itself_and_moves_no_mark(self) -> None:
        store = await self.make_store()
        ids = await numbered(store, 2)
        await store.messages.missed("ann", ids[1], 1000)
        self.assertEqual(contents((await store.messages.missed("ann", None, 10)).messages), ["0", "1"])
