"""From what happens in the storage to what the receiver gets."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.backoff import Backoff
from gim.errors import Forbidden, NotFound, Unavailable
from gim.ids import private_session
from gim.metrics.export.meters import Meters
from gim.storage.interface import Draft, Storage
from gim.storage.wrapping import WrappedStorage
from gim.webhooks import service, throttle
from gim.webhooks.counts import EXPIRED, FAULT, QUEUE_FULL, STOPPED, STORAGE
from gim.webhooks.delivery import MAX_EVENT_AGE
from gim.webhooks.event_types import EVENTS, JOINED, LEFT, OFFLINE, ONLINE, SENT
from gim.webhooks.service import STOP_TIMEOUT, Webhooks
from tests.support.clocks import DAY, HOUR, SettableWallClock
from tests.support.settings import memory_store
from tests.support.storage_behaviour.base import enter, posted, private, user
from tests.support.storage_behaviour.memory import containers_with_entries
from tests.support.webhooks.posts import BUSY, START, Posts, new_clock

T = TypeVar("T")
STEPS = HOUR, -HOUR, 31 * DAY, -31 * DAY  # of the wall clock


class ServiceCase(SynchronousTestCase):
    wanted = frozenset(EVENTS)

    def setUp(self) -> None:
        self.patch(throttle, "MAX_ATTEMPTS_PER_TURN", 1000)
        self.clock, self.posts = new_clock(), Posts()
        self.wall = SettableWallClock(self.clock.seconds)
        self.memory = memory_store(self.clock, self.wall)
        self.begin(self.memory)

    def begin(self, storage: Storage) -> None:
        self.webhooks = Webhooks(storage, self.wanted, 10.0, self.posts.post, self.clock, self.wall)
        self.store = self.webhooks.observed(storage)
        self.webhooks.startService()

    def do(self, *works: Awaitable[T]) -> list[T]:
        """Do what never waits; the turn ends, and so do deliveries."""
        results = [self.successResultOf(Deferred.fromCoroutine(work)) for work in works]  # type: ignore[arg-type]
        self.turn()
        return results

    def turn(self) -> None:
        self.clock.advance(0)
        self.posts.answer_all()

    def come(self, user_id: str) -> None:
        self.do(self.store.users.put(user_id, None), enter(self.store, user_id))

    def go(self, user_id: str, seconds: float = 10) -> None:
        self.store.users.exit(user_id)
        self.clock.advance(seconds)
        self.turn()

    def body(self) -> Any:
        """Return the only event so far."""
        (body,) = self.posts.bodies()
        return body


class EventTests(ServiceCase):
    """What each event tells."""

    def test_coming_and_going(self) -> None:
        self.come("ann")
        self.go("ann")
        online, offline = self.posts.bodies()
        self.assertEqual(
            online | {"id": ""},
            {
                "id": "",
                "type": ONLINE,
                "user_id": "ann",
                "number": int(START * 1e6) + 1,
                "time": int(START * 1000),
                "data": {},
            },
        )
        self.assertEqual((offline["type"], offline["number"]), (OFFLINE, online["number"] + 1))
        self.assertEqual(offline["time"], online["time"] + 10_000)
        self.assertNotEqual(offline["id"], online["id"])

    def test_a_private_message(self) -> None:
        draft = Draft(private_session("ann", "bob"), user("ann"), "hi\u2028'\"", "quote")
        (sent,) = self.do(self.store.messages.append(draft))
        body = self.body()
        self.assertEqual((body["id"], body["type"], body["user_id"]), (sent.id, SENT, "ann"))
        message = {
            "id": sent.id,
            "session_id": "2:ann:bob",
            "sender": {"id": "ann", "name": "ann"},
            "category": "quote",
            "content": "hi\u2028'\"",
            "sequence": 0,
            "status": 1,
            "created_at": sent.created_at,
        }
        self.assertEqual(body["data"], {"message": message, "session_type": 2, "target_id": "bob"})

    def test_a_chatroom_message(self) -> None:
        self.do(self.memory.chatrooms.join("den", user("ann"), ""))
        self.posts.attempts.clear()
        self.do(self.store.messages.append(posted("den", "ann")))
        data = self.body()["data"]
        self.assertEqual((data["session_type"], data["target_id"]), (1, "den"))
        self.assertEqual(data["message"]["session_id"], "1:den")

    def test_a_membership_that_changes_is_told_once(self) -> None:
        join, leave = self.store.chatrooms.join, self.store.chatrooms.leave
        self.do(join("den", user("ann"), ""), join("den", user("ann"), ""), join("den", user("bob"), ""))
        self.do(leave("den", "ann"), leave("den", "ann"))
        self.assertEqual(self.posts.said(), [(JOINED, "ann"), (JOINED, "bob"), (LEFT, "ann")])
        self.assertEqual(self.posts.bodies()[0]["data"], {"chatroom_id": "den"})

    def test_a_repeated_request_makes_the_same_event_again(self) -> None:
        draft = private("ann", "bob", request_id="r")
        self.do(self.store.messages.append(draft), self.store.messages.append(draft))
        first, second = self.posts.bodies()
        self.assertEqual(first["id"], second["id"])

    def test_what_is_refused_is_no_event(self) -> None:
        self.failureResultOf(
            Deferred.fromCoroutine(self.store.messages.append(posted("den", "ann"))), NotFound
        )
        self.do(self.memory.chatrooms.join("den", user("bob"), ""))
        self.posts.attempts.clear()
        self.failureResultOf(
            Deferred.fromCoroutine(self.store.messages.append(posted("den", "ann"))), Forbidden
        )
        self.turn()
        self.assertEqual(self.posts.attempts, [])

    def test_all_events_of_a_user_have_one_order(self) -> None:
        self.come("ann")
        self.do(
            self.store.chatrooms.join("den", user("ann"), ""),
            self.store.messages.append(posted("den", "ann")),
        )
        self.do(
            self.store.chatrooms.leave("den", "ann"),
            self.store.messages.append(private("ann", "bob")),
        )
        self.go("ann")
        expected = [ONLINE, JOINED, SENT, LEFT, SENT, OFFLINE]
        self.assertEqual([body["type"] for body in self.posts.bodies()], expected)
        numbers = [body["number"] for body in self.posts.bodies()]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + 6)))

    def test_a_second_connection_elsewhere_or_a_quick_reconnect_is_no_event(self) -> None:
        self.come("ann")
        self.go("ann", 9)
        self.come("ann")
        self.clock.advance(60)
        self.turn()
        self.assertEqual(self.posts.said(), [(ONLINE, "ann")])

    def test_nothing_is_left_when_everybody_has_gone(self) -> None:
        for number in range(50):
            self.come(f"user{number}")
            self.do(self.store.messages.append(private(f"user{number}", "ann")))
            self.go(f"user{number}")
        for _ in range(2):  # the messages go, and a month later their users
            self.clock.advance(32 * 86_400)
            while self.memory.data.sweep(1000):
                pass
        kept = containers_with_entries(self.memory)  # which leads to the webhooks as well
        self.assertEqual(
            [path for path in kept if not path.startswith("WebhookCounts.")], ["Webhooks.services"]
        )
        self.assertEqual(self.webhooks.counts.queued, 0)


class LatencyTests(ServiceCase):
    """No request waits for webhooks."""

    def test_nothing_is_asked_or_posted_before_the_end_of_the_turn(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.store.messages.append(private("ann", "bob"))))
        self.assertEqual(self.posts.attempts, [])
        self.clock.advance(0)
        self.assertEqual(len(self.posts.attempts), 1)

    def test_what_is_not_listened_to_is_the_storage_itself(self) -> None:
        self.assertIs(self.store.chatrooms, self.memory.chatrooms)
        for name in "history", "missed", "delivered":
            self.assertEqual(getattr(self.store.messages, name), getattr(self.memory.messages, name))
        self.assertEqual(self.store.users.get, self.memory.users.get)

    def test_appends_are_still_measured_in_samples(self) -> None:
        meters = Meters(self.clock, [201], ["send"])
        self.begin(meters.measured(self.memory, all_appends=False))
        others = meters.sampling.others
        assert others is not None
        others()
        self.do(
            self.store.messages.append(private("ann", "bob")),
            self.store.messages.append(private("ann", "bob")),
        )
        self.assertEqual(sum(meters.storage.rows["append"][:-1]), 1)
        self.assertEqual(len(self.posts.attempts), 2)


class ChoiceTests(ServiceCase):
    wanted = frozenset([OFFLINE, LEFT])

    def test_only_what_is_wanted_is_told(self) -> None:
        self.come("ann")
        self.do(
            self.store.chatrooms.join("den", user("ann"), ""),
            self.store.messages.append(posted("den", "ann")),
        )
        self.do(self.store.chatrooms.leave("den", "ann"))
        self.go("ann")
        self.assertEqual(self.posts.said(), [(LEFT, "ann"), (OFFLINE, "ann")])
        self.assertEqual(self.webhooks.counts.queued, 0)

    def test_what_is_not_wanted_costs_nothing(self) -> None:
        webhooks = Webhooks(
            self.memory, frozenset([JOINED]), 10.0, self.posts.post, self.clock, self.wall
        )
        store = webhooks.observed(self.memory)
        self.assertIs(store.messages, self.memory.messages)
        self.assertIs(store.users, self.memory.users)
        self.assertIsNone(webhooks._presence)


class AgeTests(ServiceCase):
    def test_the_age_is_that_of_the_oldest_event_that_waits(self) -> None:
        self.assertEqual(self.webhooks.oldest_age(), 0)
        for sender in "ann", "ann", "bob":
            append = self.store.messages.append(private(sender, "cat"))
            self.successResultOf(Deferred.fromCoroutine(append))
            self.clock.advance(5)
        self.assertEqual(self.webhooks.oldest_age(), 15)
        self.posts.answer_all()
        self.assertEqual(self.webhooks.oldest_age(), 0)


class FullQueueTests(ServiceCase):
    def setUp(self) -> None:
        self.patch(service, "MAX_QUEUED_EVENTS", 3)
        super().setUp()

    def fill(self) -> None:
        for _ in range(3):
            self.successResultOf(
                Deferred.fromCoroutine(self.store.messages.append(private("ann", "bob")))
            )

    def test_the_queue_is_bounded_and_what_is_dropped_is_counted(self) -> None:
        self.fill()
        self.fill()
        counts = self.webhooks.counts
        self.assertEqual((counts.queued, counts.dropped[QUEUE_FULL]), (3, 3))
        self.turn()
        self.assertEqual((len(self.posts.attempts), counts.queued), (3, 0))
        self.do(self.store.messages.append(private("ann", "bob")))
        self.assertEqual(len(self.posts.attempts), 4)

    def test_a_change_of_presence_is_recorded_though_its_event_is_dropped(self) -> None:
        self.fill()
        self.successResultOf(Deferred.fromCoroutine(enter(self.store, "cat")))
        self.turn()
        self.assertNotIn((ONLINE, "cat"), self.posts.said())
        self.assertEqual(self.webhooks.counts.dropped[QUEUE_FULL], 1)
        self.go("cat")
        self.assertEqual(self.posts.said()[-1], (OFFLINE, "cat"))


class FaultyStore(WrappedStorage):
    """A store whose webhook log fails while there is an ``error``."""

    error: Exception | None = None

    def __init__(self, store: Storage) -> None:
        super().__init__(store)
        self.outlives_process = True
        self.webhook_log = self
        self._plain_log = store.webhook_log
        self.users_to_reannounce = store.webhook_log.users_to_reannounce
        self.asked: list[tuple[str, str]] = []

    async def next_event_number(
        self, user_id: str, online: bool | None = None, key: str = ""
    ) -> int | None:
        self.asked.append((user_id, key))
        if self.error is not None:
            raise self.error
        return await self._plain_log.next_event_number(user_id, online, key)


class NumberTests(ServiceCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(service, "RETRY", Backoff(first=1.0, longest=1.0, shortest=1.0))
        self.faulty = FaultyStore(self.memory)
        self.begin(self.faulty)

    def test_a_number_is_asked_for_until_it_is_there_and_the_order_stays(self) -> None:
        self.faulty.error = Unavailable("away")
        self.come("ann")
        self.do(self.store.messages.append(private("ann", "bob")))
        self.clock.advance(3)
        self.assertEqual(self.posts.attempts, [])
        self.faulty.error = None
        self.clock.advance(1)
        self.turn()
        self.assertEqual(self.posts.said(), [(ONLINE, "ann"), (SENT, "ann")])
        keys = {key for _, key in self.faulty.asked[:-1]}
        self.assertEqual(keys, {self.posts.attempts[0].id}, "the same event, by its key")

    def test_the_age_of_an_event_that_waits_for_its_number_is_known(self) -> None:
        self.faulty.error = Unavailable("away")
        self.do(self.store.messages.append(private("ann", "bob")))
        for _ in range(3):
            self.clock.advance(1)
        self.assertEqual(self.webhooks.oldest_age(), 3)

    def test_it_is_given_up_in_the_end(self) -> None:
        self.faulty.error = Unavailable("away")
        self.do(self.store.messages.append(private("ann", "bob")))
        for _ in range(int(MAX_EVENT_AGE) + 1):
            self.clock.advance(1)
        counts = self.webhooks.counts
        self.assertEqual((counts.dropped[STORAGE], counts.queued), (1, 0))

    def test_a_fault_is_logged_and_counted(self) -> None:
        self.faulty.error = ValueError("a fault")
        self.do(self.store.messages.append(private("ann", "bob")))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        counts = self.webhooks.counts
        self.assertEqual((counts.dropped[FAULT], counts.queued), (1, 0))


class ClockStepTests(ServiceCase):
    """The wall clock is set: that changes the dates in events, and nothing else."""

    def test_a_grace_period_takes_its_time(self) -> None:
        for step in STEPS:
            self.come("ann")
            self.store.users.exit("ann")
            before = len(self.posts.attempts)
            self.wall.step(step)
            self.clock.advance(9.9)
            self.turn()
            self.assertEqual(len(self.posts.attempts), before, step)
            self.clock.advance(0.1)
            self.turn()
            self.assertEqual(self.posts.said()[before:], [(OFFLINE, "ann")], step)
            self.assertEqual(self.posts.bodies()[-1]["time"], self.wall.now_ms())

    def test_an_event_is_neither_given_up_early_nor_tried_for_ever(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.store.messages.append(private("ann", "bob"))))
        self.clock.advance(0)
        began = self.clock.seconds()
        for step in STEPS * 3:
            self.wall.step(step)
            self.posts.answer(BUSY)
            self.clock.advance(60)
            self.assertEqual(len(self.posts.waiting), 1, step)
        while self.posts.waiting:
            self.posts.answer(BUSY)
            self.clock.advance(60)
        self.assertLessEqual(self.clock.seconds() - began, MAX_EVENT_AGE + 60)
        self.assertEqual(self.webhooks.counts.dropped[EXPIRED], 1)

    def test_numbers_rise_whatever_the_date(self) -> None:
        for step in STEPS:
            self.come("ann")
            self.go("ann")
            self.wall.step(step)
        numbers = [body["number"] for body in self.posts.bodies()]
        self.assertEqual(sorted(set(numbers)), numbers)


class StopTests(ServiceCase):
    def put(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.store.messages.append(private("ann", "bob"))))

    def test_with_nothing_to_deliver_it_ends_at_once(self) -> None:
        self.successResultOf(self.webhooks.stopService())
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_is_queued_is_still_delivered(self) -> None:
        self.put()
        stopped = self.webhooks.stopService()
        self.assertNoResult(stopped)
        self.posts.answer_all()
        self.successResultOf(stopped)
        self.assertEqual(self.webhooks.counts.delivered[SENT], 1)
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_is_left_after_a_moment_is_counted(self) -> None:
        self.put()
        self.put()
        self.clock.advance(0)
        self.posts.answer(BUSY)
        stopped = self.webhooks.stopService()
        self.clock.advance(STOP_TIMEOUT)
        self.successResultOf(stopped)
        self.assertEqual(self.webhooks.counts.dropped[STOPPED], 2)
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_those_online_are_told_to_be_offline_as_the_memory_goes(self) -> None:
        self.come("ann")
        self.store.users.exit("ann")
        stopped = self.webhooks.stopService()
        self.posts.answer_all()
        self.successResultOf(stopped)
        self.assertEqual(self.posts.said(), [(ONLINE, "ann"), (OFFLINE, "ann")])

    def test_old_events_are_given_up(self) -> None:
        self.put()
        self.clock.advance(MAX_EVENT_AGE + 1)
        self.posts.answer(BUSY)
        counts = self.webhooks.counts
        self.assertEqual((counts.dropped[EXPIRED], counts.queued), (1, 0))

    def test_with_another_data_set_users_announced_in_the_old_one_do_not_go_offline(self) -> None:
        self.come("ann")
        self.webhooks.data_lost()
        self.go("ann")
        self.assertEqual(self.posts.said(), [(ONLINE, "ann")])
