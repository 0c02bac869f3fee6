"""The parts of the memory store, each by itself."""

from __future__ import annotations

from collections import Counter
from itertools import chain, pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.clocks import RetentionClock
from gim.errors import NotFound
from gim.model import Ban, Message, Sent, User
from gim.storage.memory import message_index
from gim.storage.memory.bans import Bans
from gim.storage.memory.idempotency import IdempotencyCache
from gim.storage.memory.message_index import PAGE_SIZE, MessageIndex, Page, in_pages
from gim.storage.memory.people import People
from gim.storage.memory.recorder import Recorder
from gim.storage.memory.records import Person
from gim.storage.message_ids import FIRST, LAST, TimeIds, first_id_of
from gim.storage.rules import REQUEST_ID_WINDOW, REQUEST_IDS_PER_SENDER, USERS_OUTLIVE_MESSAGES
from tests.support.clocks import SettableWallClock


def clock_at(seconds: float) -> Clock:
    clock = Clock()
    clock.advance(seconds)
    return clock


class TimeIdTests(SynchronousTestCase):
    """Message ids."""

    @given(st.lists(st.tuples(st.integers(-5000, 5000), st.sampled_from([1, 2, 5000])), max_size=4))
    def test_ids_rise_whatever_the_clock_does(self, steps: list[tuple[int, int]]) -> None:
        clock = clock_at(1000)
        ids, made = TimeIds(SettableWallClock(clock.seconds)), []
        for milliseconds, count in steps:
            clock.advance(milliseconds / 1000)
            made += [ids.next() for _ in range(count)]
            self.assertGreaterEqual(made[-1][1], int(clock.seconds() * 1000))
        self.assertEqual([pair for pair in pairwise(made) if pair[0] >= pair[1]], [])
        self.assertTrue(all(int(message_id[:12], 16) == at_ms for message_id, at_ms in made))

    def test_the_4097th_id_of_a_millisecond_borrows_the_next(self) -> None:
        ids = TimeIds(SettableWallClock(clock_at(1).seconds))
        times = Counter(ids.next()[1] for _ in range(2 * 4096 + 1))
        self.assertEqual(times, {1000: 4096, 1001: 4096, 1002: 1})

    def test_ids_go_with_the_clock_again_once_it_has_caught_up(self) -> None:
        clock = clock_at(2)
        ids = TimeIds(SettableWallClock(clock.seconds))
        times = []
        for step in (0, -1, 0.999, 0.001, 0.001):
            clock.advance(step)
            times.append(ids.next()[1])
        self.assertEqual(times, [2000, 2000, 2000, 2000, 2001])

    def test_a_clock_at_0_makes_ids_too(self) -> None:
        ids = TimeIds(SettableWallClock(Clock().seconds))
        first, second = ids.next(), ids.next()
        self.assertEqual((len(first[0]), first[0][:13], first[1]), (32, "0000000000007", 0))
        self.assertLess(first, second)

    def test_ids_go_on_above_one_that_another_process_made(self) -> None:
        for ahead_ms, at_ms in ((-1, 5000), (0, 5001), (60_000, 65_001)):
            ids = TimeIds(SettableWallClock(clock_at(5).seconds))
            last = first_id_of(5000 + ahead_ms)[:12] + LAST[:20]
            ids.resume(last)
            self.assertGreaterEqual(ids.last, last)
            made = [ids.next() for _ in range(4097)]
            self.assertGreater(made[0][0], last)
            self.assertEqual([pair for pair in pairwise(made) if pair[0] >= pair[1]], [])
            self.assertEqual((made[0][1], made[-1][1]), (at_ms, at_ms + 1))

    def test_ids_that_were_made_are_not_taken_back_by_an_older_one(self) -> None:
        ids = TimeIds(SettableWallClock(clock_at(5).seconds))
        made = [ids.next()[0] for _ in range(3)]
        self.assertEqual(ids.last, made[-1])
        ids.resume(first_id_of(1000))
        self.assertEqual(ids.last, made[-1])
        self.assertGreater(ids.next()[0], made[-1])

    @given(st.integers(0, 2**48 - 2))
    def test_the_first_id_of_a_time_divides_earlier_ids_from_later_ones(self, at_ms: int) -> None:
        made, made_at = TimeIds(SettableWallClock(clock_at(at_ms / 1000).seconds)).next()
        self.assertLess(first_id_of(made_at), made)
        self.assertGreater(first_id_of(made_at + 1), made)
        self.assertTrue(FIRST <= first_id_of(made_at) < LAST)

    def test_the_first_id_of_a_time_before_1970_is_before_every_id(self) -> None:
        self.assertEqual(first_id_of(-1), FIRST)


class IdempotencyCacheTests(SynchronousTestCase):
    """Answers to requests."""

    def setUp(self) -> None:
        self.clock = clock_at(1000)
        self.cache = IdempotencyCache(self.clock)

    def remember(self, sender: str, *request_ids: str) -> None:
        for request_id in request_ids:
            self.cache.remember(sender, "s", request_id, 0, Sent(request_id, "s", 0, 0))

    def found(self, sender: str, *request_ids: str) -> list[bool]:
        return [self.cache.find(sender, "s", request_id) is not None for request_id in request_ids]

    def test_a_sweep_forgets_senders_who_were_silent_for_the_window(self) -> None:
        self.remember("ann", "1")
        self.clock.advance(REQUEST_ID_WINDOW / 2)
        self.remember("bob", "1", "2")
        self.clock.advance(REQUEST_ID_WINDOW / 2)
        self.assertFalse(self.cache.sweep(10))
        self.assertEqual((len(self.cache), self.found("bob", "1", "2")), (2, [True, True]))

    def test_a_sweep_forgets_up_to_its_limit_and_says_if_more_may_wait(self) -> None:
        for sender in "abc":
            self.remember(sender, "1")
        self.clock.advance(REQUEST_ID_WINDOW)
        kept = [(self.cache.sweep(2), len(self.cache)) for _ in range(2)]
        self.assertEqual(kept, [(True, 1), (False, 0)])

    def test_a_sender_who_sends_on_does_not_keep_others_from_being_swept(self) -> None:
        self.remember("ann", "1")
        self.remember("bob", "1")
        self.clock.advance(REQUEST_ID_WINDOW - 1)
        self.remember("ann", "2")
        self.clock.advance(1)
        self.assertFalse(self.cache.sweep(10))
        self.assertEqual((self.found("ann", "1", "2"), len(self.cache)), ([False, True], 2))  # both ann's

    def test_sending_drops_the_answers_of_that_sender_that_had_their_time(self) -> None:
        self.remember("ann", "1", "2")
        self.clock.advance(REQUEST_ID_WINDOW)
        self.remember("ann", "3")
        self.assertEqual((len(self.cache), self.found("ann", "1", "2", "3")), (1, [False, False, True]))

    def test_a_sender_has_so_many_answers_at_most(self) -> None:
        self.remember("ann", *map(str, range(REQUEST_IDS_PER_SENDER + 10)))
        self.assertEqual(len(self.cache), REQUEST_IDS_PER_SENDER)
        self.assertEqual(
            self.found("ann", "9", "10", str(REQUEST_IDS_PER_SENDER + 9)), [False, True, True]
        )

    def test_an_answer_of_an_earlier_process_keeps_its_age(self) -> None:
        for age in (REQUEST_ID_WINDOW - 1, 1.0):
            self.cache.remember("ann", "s", str(age), 0, Sent("1", "s", 0, 0), age)
        self.clock.advance(1)
        self.assertEqual(self.found("ann", str(REQUEST_ID_WINDOW - 1), "1.0"), [False, True])
        self.clock.advance(REQUEST_ID_WINDOW - 2)
        self.assertEqual((self.cache.sweep(10), len(self.cache)), (False, 0))

    def test_a_request_made_anew_is_the_newest(self) -> None:
        self.remember("ann", "again")
        self.clock.advance(REQUEST_ID_WINDOW - 1)
        self.remember("ann", "between")
        self.clock.advance(1)
        self.remember("ann", "again", *map(str, range(REQUEST_IDS_PER_SENDER - 1)))
        self.assertEqual(self.found("ann", "between", "again", "0"), [False, True, True])


class PeopleTests(SynchronousTestCase):
    """Who is known."""

    def setUp(self) -> None:
        self.clock = clock_at(1000)
        self.people = People(self.clock, SettableWallClock(self.clock.seconds), ttl=60)

    def test_somebody_written_to_is_known_but_no_user(self) -> None:
        self.people.make("ann")
        self.assertEqual((len(self.people), self.people.title("ann")), (1, "ann"))
        self.assertRaises(NotFound, self.people.state, "ann")

    def test_a_login_of_long_ago_names_whom_nobody_knows_and_renames_nobody(self) -> None:
        for name in ("Ann", "Old"):
            self.assertEqual(self.people.known(User("ann", name)).user, User("ann", "Ann"))
        self.assertEqual(self.people.state("ann").name, "Ann")

    def test_whoever_is_needed_is_not_let_go(self) -> None:
        person = self.people.make("ann")
        for need in ("subscribers", "stored"):
            setattr(person, need, True)
            for let_go in (self.people.let_go, self.people.messages_gone):
                let_go(person)
                self.assertIs(self.people.get("ann"), person)
            setattr(person, need, False)
        self.people.let_go(person)
        self.assertIsNone(self.people.get("ann"))

    def test_a_user_is_let_go_when_the_time_is_over(self) -> None:
        self.people.log_in("ann", None)
        self.people.let_go(self.people["ann"])
        self.clock.advance(60 + USERS_OUTLIVE_MESSAGES - 1)
        self.assertEqual((self.people.release(10), len(self.people)), (False, 1))
        self.clock.advance(1)
        self.assertEqual((self.people.release(10), len(self.people)), (False, 0))

    def test_whoever_comes_after_somebody_was_forgotten_begins_with_the_newest_loss(self) -> None:
        for user_id, lost in (("ann", "5"), ("bob", "3")):
            person = self.people.make(user_id)
            person.newest_dropped = lost
            self.people.let_go(person)
        self.assertEqual(
            (self.people.forgotten_dropped, self.people.make("ann").newest_dropped), ("5", "5")
        )

    def test_they_are_walked_over_in_portions(self) -> None:
        self.people.put_back({user_id: Person(user_id) for user_id in "acb"})
        portions = [[person.id for person in self.people.above(above, 2)] for above in ("", "b", "c")]
        self.assertEqual(portions, [["a", "b"], ["c"], []])


class BanTests(SynchronousTestCase):
    """Bans that are set, as they were recorded."""

    def setUp(self) -> None:
        self.clock = clock_at(1000)
        wall = SettableWallClock(self.clock.seconds)
        self.bans = Bans(wall, RetentionClock(self.clock, wall), Recorder())

    def test_one_is_forgotten_when_its_time_has_come(self) -> None:
        for until, forget_at in ((1_005_000, 1_010_000), (0, 1_010_000), (1_007_000, 1_020_000)):
            self.bans.put("ann", Ban(1_000_000, until), forget_at)
        self.assertEqual(self.bans.kept(), ["ann"])
        self.assertEqual(self.bans.entry("ann"), (Ban(1_000_000, 1_007_000), 1_020_000))
        for kept in (1, 0):
            self.clock.advance(10)
            self.assertEqual((self.bans.sweep(10), len(self.bans)), (False, kept))
        self.assertIsNone(self.bans.entry("ann"))


def message(session_id: str, number: int) -> Message:
    return Message(f"{number:032x}", session_id, User("a", "a"), "text", "", 0, 1, 0)


operations = st.lists(
    st.tuples(st.sampled_from(["add", "add", "trim", "oldest", "all"]), st.sampled_from("abcd"))
)


class FilledIndex(MessageIndex):
    """An index that knows the newest page of each session itself."""

    def __init__(self) -> None:
        super().__init__()
        self.newest: dict[str, Page] = {}

    def store(self, message: Message) -> None:
        self.newest[message.session_id] = self.add(message, self.newest.get(message.session_id))

    def drop_all(self, session_id: str) -> list[Message]:
        self.newest.pop(session_id)
        dropped: list[Message] = []
        while self.first_of(session_id) is not None:
            dropped += self.drop_page(session_id)
        return dropped


class MessagesTests(SynchronousTestCase):
    """The one sorted dict, and the heap that finds the oldest message of all."""

    @given(operations)
    def test_the_oldest_of_all_is_found_whatever_went_before(self, steps: list[tuple[str, str]]) -> None:
        self.patch(message_index, "PAGE_SIZE", 3)
        messages, plain, cleared = FilledIndex(), [], False
        for number, (step, session_id) in enumerate(steps, 1):
            of_session = [kept for kept in plain if kept.session_id == session_id]
            if step == "add":
                messages.store(message(session_id, number))
                plain.append(message(session_id, number))
            elif step == "oldest":
                self.assertEqual(messages.drop_oldest(), plain.pop(0) if plain else None)
            elif step == "all":
                self.assertEqual(messages.drop_all(session_id) if of_session else [], of_session)
                plain = [kept for kept in plain if kept.session_id != session_id]
                cleared = cleared or bool(of_session)
            elif len(of_session) > 1:
                self.assertEqual(messages.drop_first(session_id), of_session[0])
                plain.remove(of_session[0])
            self.assertEqual(len(messages), len(plain))
            self.assertEqual(sorted(one.id for one in messages), [one.id for one in plain])
            sessions = len({kept.session_id for kept in plain})
            heads = len(messages._heads) + len(messages._old_heads)
            self.assertLessEqual(sessions, heads)
            self.assertLessEqual(heads, 2 * sessions + 1 if cleared else sessions)

    @given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 14), st.integers(0, 14))
    def test_a_range_is_found_in_whichever_pages_it_is(
        self, stored: int, dropped: int, after: int, before: int
    ) -> None:
        self.patch(message_index, "PAGE_SIZE", 3)
        messages = FilledIndex()
        for number in range(1, stored + 1):
            for session_id in ("a", "b", "c"):
                messages.store(message(session_id, number))
        for _ in range(min(dropped, stored - 1)):
            messages.drop_first("b")
        kept = [message("b", number) for number in range(1, stored + 1)][
            min(dropped, max(stored - 1, 0)) :
        ]
        low, high = message("b", after).id, message("b", before).id
        found = [one for one in kept if low < one.id < high]
        self.assertEqual([*messages.newest_first("b", low, high)], found[::-1])
        self.assertEqual(messages.has_between("b", low, high), bool(found))
        newer = [one for one in kept if one.id > low]
        for one in [message("b", number) for number in range(stored + 2)]:
            self.assertEqual(messages.get("b", one.id), one if one in kept else None)
        self.assertEqual(messages.first_of("b"), kept[0].id if kept else None)
        if not kept:
            return
        newest = messages.newest["b"]
        self.assertEqual(messages.count_after("b", newest, low), len(newer))
        for count in range(1, 6):
            page = messages.page("b", newest, low, high, count)
            self.assertEqual(page, (found[-count:], len(found) > count))
            page = messages.page("b", newest, low, LAST, count)
            self.assertEqual(page, (newer[-count:], len(newer) > count))
            if len(newest) == len(kept):
                page = messages.page("b", newest, low, high, count, is_only=True)
                self.assertEqual(page, (found[-count:], len(found) > count))

    def test_a_message_is_replaced_in_whichever_page_it_is(self) -> None:
        messages = FilledIndex()
        for number in range(2 * PAGE_SIZE + 2):
            messages.store(message("a", number))
        for number in (0, PAGE_SIZE - 1, PAGE_SIZE, 2 * PAGE_SIZE + 1):
            stub = replace(message("a", number), content="stub")
            messages.replace(stub)
            self.assertEqual(messages.get("a", stub.id), stub)
        self.assertEqual(sum(one.content == "stub" for one in messages), 4)

    def test_the_oldest_goes_only_if_it_is_before_an_id(self) -> None:
        messages = FilledIndex()
        for number, session_id in enumerate("aba"):
            messages.store(message(session_id, number))
        border = message("a", 2).id
        dropped = [messages.drop_oldest(border) for _ in range(3)]
        self.assertEqual(dropped, [message("a", 0), message("b", 1), None])
        self.assertEqual(len(messages), 1)

    def test_an_index_that_is_filled_at_once(self) -> None:
        messages = MessageIndex()
        kept = [message(session_id, number) for session_id, number in (("a", 2), ("a", 3), ("b", 1))]
        messages.fill(
            in_pages("a", kept[:2]) | in_pages("b", kept[2:]), [(kept[0].id, "a"), (kept[2].id, "b")]
        )
        self.assertEqual([messages.first_of(one) for one in "abc"], [kept[0].id, kept[2].id, None])
        self.assertEqual(
            [messages.first_after(one) for one in ("", "a", "b")],
            [("a", kept[0].id), ("b", kept[2].id), None],
        )
        self.assertEqual([messages.drop_oldest() for _ in range(4)], [kept[2], *kept[:2], None])

    def test_a_long_session_is_filled_in_full_pages(self) -> None:
        kept = [message("a", number) for number in range(2 * PAGE_SIZE + 1)]
        pages = list(in_pages("a", kept).values())
        self.assertEqual([len(page) for page in pages], [PAGE_SIZE, PAGE_SIZE, 1])
        self.assertEqual(list(chain.from_iterable(pages)), kept)

    def test_an_empty_range_of_ids_holds_nothing(self) -> None:
        messages = FilledIndex()
        messages.store(message("a", 5))
        low, high = message("a", 1).id, message("a", 9).id
        newest = messages.newest["a"]
        self.assertTrue(messages.has_between("a", low, high))
        self.assertFalse(messages.has_between("a", high, low))
        self.assertEqual(messages.page("a", newest, high, low, 10), ([], False))
        counts = messages.count_after("a", newest, low), messages.count_after("a", newest, high)
        self.assertEqual(counts, (1, 0))
