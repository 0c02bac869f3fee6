"""The meters one by one: what they add up, and when."""

from __future__ import annotations

import gc
from select import epoll
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from gim.errors import NotFound, Unavailable
from gim.gateway import closing
from gim.ids import private_session
from gim.metrics.instruments import durations, timed_storage
from gim.metrics.instruments.durations import add, buckets, count, new_row, quantile, total
from gim.metrics.instruments.pauses import GcPauses
from gim.metrics.instruments.requests import RequestMetrics
from gim.metrics.instruments.sampling import MAX_TIMED_REQUESTS, SAMPLING_INTERVAL
from gim.metrics.instruments.ticks import ReactorTicks
from gim.metrics.instruments.timed_storage import OPERATIONS, SampledAppends, StorageTimes, TimedStorage
from gim.model import User
from gim.storage.interface import (
    Chatrooms,
    Draft,
    Messages,
    Moderation,
    Nodes,
    Storage,
    Users,
    WebhookLog,
)
from tests.support.pipe import GatewayTestCase
from tests.support.world import ChatTestCase, result_of

MS = 1_000_000  # ns

GROUPS = {
    "": Storage,
    "users": Users,
    "messages": Messages,
    "chatrooms": Chatrooms,
    "moderation": Moderation,
    "nodes": Nodes,
    "webhook_log": WebhookLog,
}


class Time:
    """Stands for `perf_counter_ns`."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


class DurationsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.time = Time()
        self.patch(durations, "perf_counter_ns", self.time)

    def row(self, *passed: int) -> durations.Row:
        row = new_row()
        for self.time.now in passed:
            add(row, 0)
        return row

    def test_they_are_counted_and_summed(self) -> None:
        row = self.row(MS, 2 * MS, 3 * MS)
        self.assertEqual((count(row), total(row)), (3, 0.006))

    def test_buckets_are_cumulative_and_the_last_holds_all(self) -> None:
        row = self.row(0, 16_383, 16_384, 70_000, 10**12)
        shown = dict(buckets(row))
        self.assertEqual(list(shown.values()), sorted(shown.values()))
        self.assertEqual((shown["1.6384e-05"], shown["6.5536e-05"], shown["0.000262144"]), (2, 3, 4))
        self.assertEqual((shown["17.179869184"], shown["+Inf"]), (4, 5))

    def test_a_quantile_lies_within_its_bucket(self) -> None:
        row = self.row(*[MS] * 98, 50 * MS, 50 * MS)
        half, most = quantile(row, 0.5), quantile(row, 0.99)
        assert half is not None and most is not None
        self.assertTrue(2**19 <= half * 1e9 < 2**20, half)  # the bounds around 1 ms
        self.assertTrue(2**25 <= most * 1e9 < 2**26, most)
        self.assertEqual(quantile(self.row(0), 1.0), 1e-9)
        self.assertIsNone(quantile(new_row(), 0.5))

    def test_bounds_are_real_ones(self) -> None:
        for bound, _ in buckets(new_row())[:-1]:
            below = dict(buckets(self.row(round(float(bound) * 1e9) - 1)))
            above = dict(buckets(self.row(round(float(bound) * 1e9))))
            self.assertEqual((below[bound], above[bound]), (1, 0), bound)


class RequestsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.requests = RequestMetrics([101, 201], none=0, success=0)

    def test_by_operation_and_code(self) -> None:
        for op in 101, 201, 201:
            self.requests.succeeded(op, 1)
        for code in 403, 403, 500:
            self.requests.failed(201, code, 1)
        counts = {(op, code): times for op, code, times in self.requests.counts()}
        self.assertEqual(
            counts,
            {(101, 0): 1, (201, 0): 2, (0, 0): 0, (201, 403): 2, (201, 500): 1},
        )

    def test_what_is_no_operation_is_one(self) -> None:
        for op in 999, -1, 207:
            self.requests.failed(op, 400, 0)
        self.assertEqual(list(self.requests.counts())[-1], (0, 400, 3))
        self.assertEqual(count(self.requests.rows[0]), 0)  # none of them was timed
        self.assertEqual(set(self.requests.rows), {0, 101, 201})


class StorageTests(ChatTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.times = StorageTimes()

    def counts(self) -> dict[str, int]:
        return {name: count(row) for name, row in self.times.rows.items() if count(row)}

    def test_the_labels_of_operations_stay_as_dashboards_know_them(self) -> None:
        labels = """append appoint ban ban_of broadcast chatroom chatrooms create dismiss enter
            event_number find_chatrooms find_users history join leave mark_read members missed mute order
            ping put_user recall remove rename sessions statistics unban unsettled user watch_chatroom"""
        self.assertEqual(OPERATIONS, tuple(labels.split()))

    def test_every_operation_is_measured_or_answered_from_memory(self) -> None:
        unmeasured = {"start", "stop", "epoch", "token_key"}
        unmeasured |= {
            "chatrooms.observe",
            "chatrooms.unsubscribe",
            "messages.delivered",
            "messages.newest_rank",
        }
        unmeasured |= {"nodes.listeners", "nodes.reply_to_command", "nodes.tell", "users.exit"}
        store, measured = TimedStorage(self.store, self.times), []
        for group, protocol in GROUPS.items():
            offered = getattr(store, group) if group else store
            plain = getattr(self.store, group) if group else self.store
            for name, value in vars(protocol).items():
                if callable(value) and not name.startswith("_"):
                    path = f"{group}.{name}".lstrip(".")
                    is_plain = getattr(offered, name) == getattr(plain, name)
                    self.assertEqual(is_plain, path in unmeasured, path)
                    measured += [] if is_plain else [path]
        self.assertEqual(len(measured), len(OPERATIONS))

    def test_each_operation_has_a_label_of_its_own(self) -> None:
        used: list[str] = []

        class Times(StorageTimes):
            def timed(self, operation: str, call: Any) -> Any:
                used.append(operation)
                return call

        TimedStorage(self.store, Times())
        self.assertEqual(sorted(used), list(OPERATIONS))

    def test_it_answers_as_before(self) -> None:
        store: Any = TimedStorage(self.store, self.times)
        self.assertEqual(result_of(store.users.put("ann", "Ann")), User("ann", "Ann"))
        self.assertEqual(result_of(store.users.get("ann")).name, "Ann")
        self.assertEqual(self.counts(), {"put_user": 1, "user": 1})

    def test_it_lasts_until_the_answer_is_there(self) -> None:
        time, answer = Time(), Deferred[str]()
        self.patch(timed_storage, "perf_counter_ns", time)
        self.patch(durations, "perf_counter_ns", time)
        self.patch(self.store.users, "get", lambda user_id: answer)
        waiting = Deferred.fromCoroutine(TimedStorage(self.store, self.times).users.get("ann"))
        self.assertEqual(self.counts(), {})
        time.now = 40 * MS
        answer.callback("Ann")
        self.assertEqual(self.successResultOf(waiting), "Ann")
        self.assertEqual(total(self.times.rows["user"]), 0.04)

    def test_faults_are_errors_and_refusals_are_none(self) -> None:
        for error, errors in (NotFound("x"), 0), (Unavailable("x"), 1), (ZeroDivisionError(), 2):

            async def failing(user_id: str, error: Exception = error) -> Any:
                raise error

            self.patch(self.store.users, "get", failing)
            with self.assertRaises(type(error)):
                result_of(TimedStorage(self.store, self.times).users.get("ann"))
            self.assertEqual(self.times.errors["user"], errors)
        self.assertEqual(self.counts(), {"user": 3})

    def test_of_appends_in_memory_some_are_measured(self) -> None:
        store = SampledAppends(self.store, self.times)
        draft = Draft(private_session("ann", "bob"), User("ann", "ann"), "hi")
        for times in 1, 2, 3:
            store.sample()
            for _ in range(5):
                result_of(store.messages.append(draft))
            self.assertEqual(self.counts(), {"append": times})
        self.assertEqual(self.store.data.sizes()["messages"], 15)


class SamplingTests(GatewayTestCase):
    def ask_often(self, times: int) -> tuple[int, int]:
        """Send requests at once; return how many were counted so far, and how many timed."""
        for _ in range(times):
            self.data(self.ann, 105)
        assert self.gateway.requests is not None
        return self.gateway.requests.successes[105], count(self.gateway.requests.rows[105])

    def setUp(self) -> None:
        super().setUp()
        self.ann = self.user("ann")
        self.clock.advance(SAMPLING_INTERVAL)

    def test_all_requests_are_counted_and_so_many_timed(self) -> None:
        self.assertEqual(self.ask_often(100), (100, MAX_TIMED_REQUESTS))
        self.clock.advance(SAMPLING_INTERVAL)
        self.assertEqual(self.ask_often(100), (200, 2 * MAX_TIMED_REQUESTS))

    def test_few_are_all_timed(self) -> None:
        for times in 10, 20, 30:
            self.assertEqual(self.ask_often(10), (times, times))
            self.clock.advance(SAMPLING_INTERVAL)


class PollerReactor:
    def __init__(self, poller: Any) -> None:
        self._poller = poller


class TicksTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.poller = epoll()
        self.addCleanup(self.poller.close)
        self.reactor = PollerReactor(self.poller)
        self.ticks = ReactorTicks(self.reactor)

    def test_each_turn_is_counted_while_it_runs(self) -> None:
        self.ticks.startService()
        for _ in range(3):
            self.assertEqual(self.reactor._poller.poll(0, 1), [])
        self.assertEqual(count(self.ticks.row), 3)
        self.ticks.stopService()
        self.assertIs(self.reactor._poller, self.poller)

    def test_waiting_for_the_kernel_does_not_count(self) -> None:
        self.ticks.startService()
        poller = self.reactor._poller
        poller.poll(0.02, 1)
        poller.poll(0, 1)
        self.assertLess(total(self.ticks.row), 0.02)

    def test_all_that_the_reactor_asks_of_a_poller_is_there(self) -> None:
        self.ticks.startService()
        for name in ("register", "modify", "unregister", "close", "fileno"):
            self.assertEqual(getattr(self.reactor._poller, name), getattr(self.poller, name))

    def test_another_kind_of_reactor_is_left_alone(self) -> None:
        for reactor in object(), PollerReactor(None):
            ticks = ReactorTicks(reactor)
            ticks.startService()
            ticks.stopService()
            self.assertEqual(count(ticks.row), 0)


class PausesTests(SynchronousTestCase):
    def test_collections_are_counted_by_generation_while_it_runs(self) -> None:
        gc.freeze()  # what other tests have left, which is much to follow
        self.addCleanup(gc.unfreeze)
        pauses = GcPauses()
        pauses.startService()
        gc.collect(2)
        gc.collect(0)
        pauses.stopService()
        gc.collect(2)
        self.assertEqual(count(pauses.rows[2]), 1)
        self.assertGreaterEqual(count(pauses.rows[0]), 1)


class PushCountsTests(ChatTestCase):
    def test_private_pushes_are_counted_for_each_connection(self) -> None:
        self.connect("bob"), self.connect("bob")
        self.tell("ann", "bob", "hi")
        self.assertEqual(self.pushes.pushed.private, 2)

    def test_what_a_login_missed_is_counted_apart(self) -> None:
        for content in "ab":
            self.tell("ann", "bob", content)
        self.connect("bob")
        counts = self.pushes.pushed
        self.assertEqual((counts.caught_up, counts.caught_up_messages, counts.private), (1, 2, 0))

    def test_chatroom_pushes_and_what_the_interval_leaves_out(self) -> None:
        self.join("room", "ann", "bob")
        self.connect("ann"), self.connect("bob")
        self.say("ann", "room", *"1abcde")  # 1 at once; of five the newest three
        self.advance_to(1.5)
        counts = self.pushes.pushed
        self.assertEqual((counts.chatroom, counts.chatroom_messages), (4, 2 + 6))
        self.assertEqual((counts.skipped_by_interval, counts.skipped_by_slow_reader), (4, 0))

    def test_what_a_slow_reader_misses(self) -> None:
        self.join("room", "ann", "bob")
        self.connect("ann")
        bob = self.connect("bob")
        bob.congested = True
        self.say("ann", "room", *"1abcde")
        self.advance_to(1.5)
        counts = self.pushes.pushed
        self.assertEqual((counts.chatroom, counts.chatroom_messages), (2, 1 + 3))
        self.assertEqual((counts.skipped_by_interval, counts.skipped_by_slow_reader), (4, 1 + 3))
        self.advance_to(3.0)
        bob.drain()
        self.assertEqual((bob.skipped, counts.chatroom), ([6], 3))

    def test_events_are_counted_for_each_connection(self) -> None:
        self.join("room", "ann", "bob")
        self.connect("ann"), self.connect("bob"), self.connect("bob")
        result_of(self.store.moderation.rename("room", "ann", "den"))
        self.advance_to(1.5)
        self.assertEqual(self.pushes.pushed.events, 3)


class GatewayCountsTests(GatewayTestCase):
    options = ("--max-unsent", "1000")

    def test_connections_and_how_they_end(self) -> None:
        ann, bob = self.user("ann"), self.user("bob")
        self.assertEqual(len(self.gateway.connections), 2)
        ann.sendClose(1000)
        bob.sendClose(4000)
        self.pump()
        self.user("cat")
        self.gateway.close_all(closing.DATA_SET_CHANGED)
        self.pump()
        self.assertEqual(dict(self.gateway.closes), {1000: 1, 0: 1, 3009: 1})

    def test_nothing_is_counted_when_it_is_switched_off(self) -> None:
        self.gateway.requests = None
        ann = self.user("ann")
        self.assertEqual(self.refusal(ann, 203, session_id="1:no")[0], 404)
        (reply,) = self.send_raw(ann, b"x")
        self.assertEqual(reply["body"]["code"], 400)

    def test_a_fault_counts_as_a_500(self) -> None:
        self.patch(self.daemon._chat, "history", lambda *args: 1 / 0)
        self.assertEqual(self.refusal(self.user("ann"), 203, session_id="1:no")[0], 500)
        self.flushLoggedErrors(ZeroDivisionError)
        assert self.gateway.requests is not None
        self.assertEqual(dict(self.gateway.requests.failures), {(203, 500): 1})
