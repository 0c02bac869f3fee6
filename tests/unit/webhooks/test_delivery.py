"""Order, retries and their bounds."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.backoff import Backoff
from gim.concurrency.clocks import Moment
from gim.metrics.instruments.durations import count
from gim.webhooks import delivery, throttle
from gim.webhooks.attempt import MAX_CONCURRENT_ATTEMPTS, AttemptResult
from gim.webhooks.counts import EXPIRED, LOG_INTERVAL, REFUSED, WebhookCounts
from gim.webhooks.delivery import MAX_EVENT_AGE, MAX_RETRY_AFTER, Delivery
from gim.webhooks.event_types import ONLINE
from gim.webhooks.events import NumberedEvent, presence
from tests.support.webhooks.posts import BUSY, OK, WRONG, Posts, new_clock


class DeliveryCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(throttle, "MAX_ATTEMPTS_PER_TURN", 1000)
        self.clock, self.posts = new_clock(), Posts()
        self.counts = WebhookCounts(self.clock)
        self.ended: list[NumberedEvent] = []
        self.lost: list[NumberedEvent] = []
        self.delivery = Delivery(
            self.posts.post, self.counts, self.ended.append, self.lost.append, self.clock
        )
        self.patch(delivery, "RETRY", Backoff(first=1.0, longest=1.0, shortest=1.0))

    def put(self, *user_ids: str) -> list[NumberedEvent]:
        now = Moment(self.clock.seconds(), 0)
        events = [presence(user_id, True, now).numbered(1) for user_id in user_ids]
        for event in events:
            self.delivery.put(event)
        return events


class OrderTests(DeliveryCase):
    def test_events_of_one_user_go_one_after_the_other(self) -> None:
        events = self.put("ann", "ann", "ann")
        for number in range(1, 4):
            self.assertEqual(self.posts.attempts, events[:number])
            self.posts.answer(OK)
        self.assertEqual(self.ended, events)

    def test_a_retry_blocks_later_events_of_the_same_user_only(self) -> None:
        first, second, other = self.put("ann", "ann", "bob")
        self.posts.answer(BUSY, OK)
        self.assertEqual(self.ended, [other])
        self.clock.advance(1)
        self.assertEqual(self.posts.attempts, [first, other, first])
        self.posts.answer(OK, OK)
        self.assertEqual(self.ended, [other, first, second])
        self.assertEqual(self.counts.retries, 1)
        self.assertEqual(self.counts.delivered[ONLINE], 3)

    def test_different_users_go_beside_each_other_up_to_a_bound(self) -> None:
        events = self.put(*(f"user{number}" for number in range(MAX_CONCURRENT_ATTEMPTS + 3)))
        self.assertEqual(self.posts.waiting, events[:MAX_CONCURRENT_ATTEMPTS])
        self.posts.answer(OK)
        self.assertEqual(self.posts.waiting, events[1 : MAX_CONCURRENT_ATTEMPTS + 1])
        self.posts.answer_all()
        self.assertEqual(len(self.ended), MAX_CONCURRENT_ATTEMPTS + 3)

    def test_who_waits_for_another_attempt_takes_no_place(self) -> None:
        events = self.put(*(f"user{number}" for number in range(MAX_CONCURRENT_ATTEMPTS + 1)))
        self.posts.answer(*[BUSY] * MAX_CONCURRENT_ATTEMPTS)
        self.assertEqual(self.posts.waiting, events[MAX_CONCURRENT_ATTEMPTS:])

    def test_nothing_is_kept_of_users_without_events(self) -> None:
        self.put("ann", "bob", "ann")
        self.assertEqual(len(self.delivery._queues), 2)
        self.posts.answer_all()
        self.assertEqual(len(self.delivery._queues), 0)
        self.assertEqual(self.delivery._queues._running, {})

    def test_each_attempt_is_timed(self) -> None:
        self.put("ann")
        self.posts.answer(BUSY)
        self.clock.advance(1)
        self.posts.answer(OK)
        self.assertEqual(count(self.counts.attempts), 2)


class OutcomeTests(DeliveryCase):
    def test_what_may_pass_is_tried_again(self) -> None:
        (event,) = self.put("ann")
        for status in (0, 408, 429, 500, 502, 503, 599):
            self.posts.answer(AttemptResult(status, ""))
            self.assertEqual(self.ended, [], status)
            self.clock.advance(1)
        self.posts.answer(OK)
        self.assertEqual(self.ended, [event])
        self.assertEqual(self.counts.retries, 7)
        self.assertEqual(sum(self.counts.dropped.values()), 0)

    def test_what_can_not_pass_is_given_up_at_once(self) -> None:
        for status in (301, 302, 307, 308, 400, 401, 404, 410, 413, 499):
            (event,) = self.put("ann")
            self.posts.answer(AttemptResult(status, ""))
            self.assertEqual(self.ended.pop(), event, status)
        self.assertEqual(self.counts.dropped[REFUSED], 10)
        self.assertEqual(self.counts.retries, 0)

    def test_every_2xx_is_a_success(self) -> None:
        for status in (200, 201, 202, 204, 299):
            self.put("ann")
            self.posts.answer(AttemptResult(status, ""))
        self.assertEqual(self.counts.delivered[ONLINE], 5)

    def test_an_event_is_given_up_after_its_time_and_the_next_one_goes(self) -> None:
        first, second = self.put("ann", "ann")
        while first not in self.ended:
            self.posts.answer(BUSY)
            self.clock.advance(1)
        self.assertGreater(self.clock.seconds(), first.happened_at + MAX_EVENT_AGE - 2)
        self.assertEqual(self.counts.dropped[EXPIRED], 1)
        self.assertEqual(self.posts.waiting, [second], "which has one attempt, however late it is")
        self.posts.answer(OK)
        self.assertEqual(self.ended, [first, second])

    def test_a_fault_loses_one_event_only(self) -> None:
        first, second = self.put("ann", "ann")
        self.posts.fail(ValueError("a fault of ours"))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual((self.lost, self.posts.waiting), ([first], [second]))

    def test_after_the_stop_nothing_goes_on(self) -> None:
        self.put("ann", "bob", "ann")
        self.posts.answer(BUSY)
        self.delivery.stop()
        self.clock.advance(100)
        self.assertEqual(len(self.posts.attempts), 2)
        self.assertEqual(self.ended, [])


class PauseTests(DeliveryCase):
    def test_retry_after_is_honoured_by_all(self) -> None:
        first, other = self.put("ann", "bob")
        self.posts.answer(AttemptResult(429, "", 20), OK)
        (third,) = self.put("cat")
        self.clock.advance(19)
        self.assertEqual(self.posts.attempts, [first, other])
        self.clock.advance(1)
        self.assertEqual(set(self.posts.waiting), {first, third})

    def test_a_pause_that_is_longer_counts_for_the_event_itself(self) -> None:
        self.put("ann")
        self.posts.answer(AttemptResult(503, "", 0.2))
        self.clock.advance(0.9)
        self.assertEqual(self.posts.waiting, [])
        self.clock.advance(0.1)
        self.assertEqual(len(self.posts.waiting), 1)

    def test_retry_after_is_bounded(self) -> None:
        self.put("ann")
        self.posts.answer(AttemptResult(503, "", 1e9))
        self.clock.advance(MAX_RETRY_AFTER)
        self.assertEqual(len(self.posts.waiting), 1)

    def test_with_a_final_answer_it_says_nothing(self) -> None:
        self.put("ann")
        self.posts.answer(AttemptResult(400, "", 20))
        self.put("bob")
        self.assertEqual(len(self.posts.waiting), 1)


class Turns:
    """Calls in the next turn what was asked for in this one."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []

    def callLater(self, seconds: float, call: Callable[[], object]) -> None:
        assert seconds == 0
        self.calls.append(call)

    def next(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()


class ThrottleTests(DeliveryCase):
    """Others get their turn between attempts."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(throttle, "MAX_ATTEMPTS_PER_TURN", 2)
        self.delivery = Delivery(
            self.posts.post, self.counts, self.ended.append, self.lost.append, self.clock
        )
        self.turns = self.delivery._throttle._clock = Turns()  # type: ignore[assignment]

    def test_few_attempts_begin_in_a_turn(self) -> None:
        events = self.put("a", "b", "c", "d", "e")
        for begun in (2, 4, 5, 5):
            self.assertEqual(self.posts.attempts, events[:begun])
            self.turns.next()
        self.put("f")
        self.assertEqual(len(self.posts.attempts), 6)

    def test_a_cancelled_attempt_takes_no_turn(self) -> None:
        self.put("a", "b", "c")
        self.delivery.stop()
        others = self.put("d", "e")
        self.turns.next()
        self.assertEqual(self.posts.attempts[2:], others)

    def test_it_rests_when_nothing_begins(self) -> None:
        self.put("a")
        self.turns.next()
        self.assertEqual(self.turns.calls, [])


class LogTests(DeliveryCase):
    """What is logged of failures, through the real logger."""

    def setUp(self) -> None:
        super().setUp()
        self.lines: list[str] = []
        self.patch(WebhookCounts, "_log", self)

    def warn(self, format: str, **fields: object) -> None:
        self.lines.append(format.format(**fields))

    def test_trouble_is_said_at_once_and_then_once_a_minute(self) -> None:
        self.put("ann")
        self.posts.answer(WRONG)
        self.clock.advance(0)
        said = (
            "webhooks: 1 attempts failed, the last one with status 400; events dropped: 1 refused; 0 wait"
        )
        self.assertEqual(self.lines, [said])
        for _ in range(3):
            self.put("ann")
            self.posts.answer(WRONG)
        self.clock.advance(LOG_INTERVAL - 1)
        self.assertEqual(len(self.lines), 1)
        self.clock.advance(1)
        self.assertIn("3 refused", self.lines[1])
        self.clock.advance(10 * LOG_INTERVAL)
        self.assertEqual(len(self.lines), 2)

    def test_the_last_trouble_is_said_at_the_stop(self) -> None:
        self.counts.drop(REFUSED)
        self.counts.stop()
        self.assertEqual(len(self.lines), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
