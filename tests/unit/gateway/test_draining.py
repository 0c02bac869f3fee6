"""Closing all connections when the server stops: when, and with which hint."""

from __future__ import annotations

import re

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.daemon.drain import CLOSING_TIME, HURRY_TIME
from gim.gateway.close_codes import going_away
from gim.gateway.draining import MIN_DELAY, MIN_SPREAD, Draining, shares_of
from tests.support.pipe import Client, GatewayTestCase

REASON = re.compile(r"going away: reconnect in (\d+\.\d\d) s")


class ScheduleTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.closed: list[tuple[int, float, float]] = []  # who, when, pause

    def drain(self, count: int, duration: float) -> Draining[int]:
        draining = Draining(range(count), duration, self.close, self.clock)
        draining.start()
        return draining

    def close(self, who: int, pause: float) -> None:
        self.closed.append((who, self.clock.seconds() - 1000, pause))

    def run_for(self, seconds: float) -> None:
        self.clock.pump([0.01] * round(seconds * 100))

    def test_all_are_closed_once_and_evenly(self) -> None:
        self.drain(400, 5.0)
        self.assertEqual(len(self.closed), 1)
        for second in range(1, 6):
            self.run_for(1.0)
            self.assertLess(abs(len(self.closed) - 80 * second), 8)
        self.run_for(0.1)
        self.assertEqual(sorted(who for who, _, _ in self.closed), list(range(400)))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_they_come_back_evenly_over_twice_the_time(self) -> None:
        self.drain(1000, 8.0)
        self.run_for(8.1)
        back = [when + pause for _, when, pause in self.closed]
        for second in range(16):
            begin = MIN_DELAY + second
            within = sum(begin <= moment < begin + 1 for moment in back)
            self.assertLess(abs(within - 1000 / 16), 10)

    def test_no_two_wait_for_the_same_time(self) -> None:
        for duration in 0.0, 0.5, 5.0:
            self.closed.clear()
            self.drain(300, duration)
            self.run_for(duration + 0.1)
            self.assertEqual(len({going_away(pause) for _, _, pause in self.closed}), 300)

    def test_the_order_is_no_order(self) -> None:
        self.drain(300, 0.0)
        self.assertNotEqual([who for who, _, _ in self.closed], list(range(300)))

    def test_nothing_to_wait_for_closes_all_at_once_and_brings_them_back_one_by_one(self) -> None:
        self.drain(10, 0.0)
        pauses = [pause for _, _, pause in self.closed]
        self.assertEqual(len(pauses), 10)
        self.assertEqual((pauses[0], pauses[5]), (MIN_DELAY, MIN_DELAY + MIN_SPREAD / 2))

    def test_it_can_be_finished_early(self) -> None:
        draining = self.drain(100, 5.0)
        self.run_for(1.0)
        draining.finish()
        self.assertEqual(len(self.closed), 100)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_fails_does_not_keep_the_others(self) -> None:
        draining = Draining(
            [0, 1, 2], 0.0, lambda who, pause: self.closed.append((1 // who, 0, 0)), Clock()
        )
        draining.start()
        self.assertEqual(len(self.closed), 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_shares_of_the_whole_say_when_and_with_which_delay(self) -> None:
        Draining([1, 2], 4.0, self.close, self.clock, [0.25, 0.75]).start()
        self.run_for(4.1)
        self.assertEqual([pause for _, _, pause in self.closed], [MIN_DELAY + 1.25, MIN_DELAY + 3.75])
        for (_, when, _), expected in zip(self.closed, (1.0, 3.0), strict=True):
            self.assertLess(abs(when - expected), 0.06)

    def test_more_or_fewer_shares_than_connections_are_used_evenly(self) -> None:
        for shares, used in ([0.1, 0.2, 0.3, 0.4], [0.1, 0.3]), ([0.5], [0.5, 0.5]):
            self.closed.clear()
            Draining([1, 2], 0.0, self.close, self.clock, shares).start()
            self.assertEqual(
                [pause - MIN_DELAY for _, _, pause in self.closed], [MIN_SPREAD * s for s in used]
            )


class SharesTests(SynchronousTestCase):
    """The shares of several processes that drain together."""

    def test_those_of_one_process_are_its_own(self) -> None:
        self.assertEqual(shares_of([4], 0), [0.0, 0.25, 0.5, 0.75])

    def test_no_two_are_equal_and_none_is_left_out(self) -> None:
        for counts in [2, 1], [1, 2, 3], [5, 0, 5], [250, 250, 251, 249], [1, 1000], [0, 0, 1], [7] * 9:
            total = sum(counts)
            together = [share for place in range(len(counts)) for share in shares_of(counts, place)]
            self.assertEqual(sorted(together), [rank / total for rank in range(total)], counts)

    def test_each_process_has_some_all_along(self) -> None:
        counts = [100, 50, 25, 25]
        for place, count in enumerate(counts):
            shares = shares_of(counts, place)
            self.assertEqual(shares, sorted(shares))
            for end in 0.25, 0.5, 0.75, 1.0:
                self.assertLess(abs(sum(share < end for share in shares) - count * end), 2)

    def test_a_process_without_connections_has_none(self) -> None:
        self.assertEqual(shares_of([3, 0], 1), [])


class DrainTests(GatewayTestCase):
    options = ("--drain", "4s")

    def setUp(self) -> None:
        super().setUp()
        self.listening = self.daemon.getServiceNamed("gateway")

    def open(self, clients: list[Client]) -> list[Client]:
        return [client for client in clients if client.closed is None]

    def test_clients_are_closed_one_after_the_other_each_with_its_hint(self) -> None:
        clients = [self.user(f"u{number}") for number in range(8)]
        stopped = self.daemon.stopService()
        for left in 6, 4, 2:
            self.advance(0.95)
            self.assertEqual(len(self.open(clients)), left)
            self.assertNoResult(stopped)
            self.advance(0.05)
        self.advance(0.95)
        self.successResultOf(stopped)
        closed = [client.closed for client in clients if client.closed is not None]
        self.assertEqual({code for code, _ in closed}, {3001})
        pauses = {float(REASON.fullmatch(reason)[1]) for _, reason in closed}  # type: ignore[index, arg-type]
        self.assertEqual(len(pauses), 8)
        self.assertTrue(all(0.5 <= pause < 5.5 for pause in pauses), pauses)

    def test_those_who_are_left_are_served(self) -> None:
        clients = [self.user(f"u{number}") for number in range(4)]
        self.daemon.stopService()
        self.pump()
        ann, bob, *_ = self.open(clients)
        self.data(ann, 201, type=2, target_id=f"u{clients.index(bob)}", content="still here")
        self.assertEqual(self.contents(bob), [["still here"]])
        self.advance(5)

    def test_nobody_new_is_accepted_and_the_http_port_listens_to_the_end(self) -> None:
        self.user("ann")
        self.user("bob")
        api = self.daemon.getServiceNamed("api")
        stopped = self.daemon.stopService()
        self.assertEqual((self.listening.port, api.port is not None), (None, True))
        self.advance(4)
        self.successResultOf(stopped)
        self.assertIsNone(api.port)

    def test_it_ends_at_once_without_connections(self) -> None:
        self.successResultOf(self.daemon.stopService())

    def test_it_ends_with_the_last_connection(self) -> None:
        clients = [self.user("ann"), self.user("bob")]
        stopped = self.daemon.stopService()
        self.advance(0.5)
        (left,) = self.open(clients)
        left.sendClose(1000)
        self.pump()
        self.successResultOf(stopped)
        self.assertEqual([call for call in self.clock.getDelayedCalls() if call.active()], [])

    def test_a_client_that_never_answers_is_dropped_two_seconds_after_the_drain(self) -> None:
        self.user("ann")
        stopped = self.daemon.stopService()
        self.clock.pump([0.05] * 79)  # the close frame stays in the pipe
        self.assertNoResult(stopped)
        self.clock.advance(CLOSING_TIME)
        self.assertNoResult(stopped)
        self.clock.advance(0.1)
        self.pump()  # the transport drops it in the next iteration
        self.successResultOf(stopped)

    def test_it_ends_after_the_clients_that_are_dropped(self) -> None:
        self.user("ann")
        stopped = self.daemon.stopService()
        left: list[int] = []  # when the daemon has stopped
        stopped.addCallback(lambda _: left.append(len(self.gateway.connections)))
        self.clock.advance(5 + CLOSING_TIME)
        self.assertEqual(left, [])
        self.pump()
        self.assertEqual(left, [0])

    def test_what_waits_to_be_pushed_goes_before_the_close(self) -> None:
        clients = [self.user("ann"), self.user("bob")]
        for client in clients:
            self.data(client, 301, id="den")
        for content in "abc":
            self.data(clients[0], 201, type=1, target_id="den", content=content)
        self.daemon.stopService()
        self.pump()
        (left,) = self.open(clients)
        (gone,) = [client for client in clients if client is not left]
        self.assertEqual((self.contents(gone), self.contents(left)), ([["a"], ["b", "c"]], [["a"]]))
        self.advance(1.1)
        self.assertEqual(self.contents(left), [["a"], ["b", "c"]])
        self.advance(4)

    def test_a_handshake_under_way_is_dropped(self) -> None:
        self.attach(Protocol())
        stopped = self.daemon.stopService()
        self.pump()
        self.successResultOf(stopped)

    def hurried(self) -> Deferred[None]:
        stopped = self.daemon.stopService()
        self.daemon.hurry()
        self.pump()
        self.clock.advance(HURRY_TIME)
        self.pump()
        return stopped

    def test_being_told_again_ends_it_at_once(self) -> None:
        clients = [self.user(f"u{number}") for number in range(8)]
        self.successResultOf(self.hurried())
        self.assertEqual({client.closed[0] for client in clients if client.closed}, {3001})
