from typing import Any

from gim.gateway.timeout_wheel import TimeoutWheel
from tests.support.clocks import SettableWallClock
from tests.support.pipe import Client, GatewayTestCase, Reactor


class TimeoutTests(GatewayTestCase):
    options = ("--heartbeat-interval", "4s", "--login-timeout", "3s", "--handshake-timeout", "1s")

    def closed_after(self, client: Client, most: float) -> float:
        """Return how long it takes until the client is closed."""
        began = self.clock.seconds()
        while client.closed is None and self.clock.seconds() < began + most:
            self.advance(0.05)
        return self.clock.seconds() - began

    def close_code(self, client: Client) -> int | None:
        return client.closed[0] if client.closed is not None else None

    def assert_near(self, seconds: float, expected: float) -> None:
        """Never early, and not more than 0.2 s late."""
        self.assertTrue(expected - 0.01 <= seconds <= expected + 0.2, f"{seconds}, not {expected}")

    def test_no_login_in_time_closes_with_3502(self) -> None:
        client = self.connect()
        self.assert_near(self.closed_after(client, 10), 3.0)
        self.assertEqual(self.close_code(client), 3502)

    def test_the_time_for_a_login_begins_anew_with_a_logout(self) -> None:
        client = self.user("ann")
        self.advance(3.5)
        self.data(client, 103)
        self.assert_near(self.closed_after(client, 10), 3.0)
        self.assertEqual(self.close_code(client), 3502)

    def test_a_silent_client_is_pinged_and_its_pong_keeps_it(self) -> None:
        client = self.user("ann")
        self.advance(1.9)
        self.assertEqual(client.pings, 0)
        self.advance(0.3)
        self.assertEqual(client.pings, 1)
        self.advance(20)
        self.assertIsNone(client.closed)
        self.assertTrue(8 <= client.pings <= 11, client.pings)

    def test_a_client_that_says_nothing_at_all_is_closed_with_3012(self) -> None:
        client = self.user("ann")
        client.answers_pings = False
        self.assert_near(self.closed_after(client, 10), 4.0)
        self.assertEqual((self.close_code(client), client.pings), (3012, 1))

    def test_a_client_that_talks_is_not_pinged(self) -> None:
        client = self.user("ann")
        for _ in range(10):
            self.advance(1.5)
            self.data(client, 105)
        self.assertEqual(client.pings, 0)

    def test_failed_requests_do_not_put_off_the_login_timeout(self) -> None:
        client = self.connect()
        for _ in range(25):
            self.refusal(client, 105)
            self.advance(0.1)
        self.assertIsNone(client.closed)
        self.assert_near(self.closed_after(client, 10), 0.5)


class PingTests(GatewayTestCase):
    """When a silent client is pinged."""

    def assert_pinged_after(self, silence: float, *options: str) -> None:
        """The first ping comes after so many seconds, and not more than 0.5 s late."""
        self.stop()
        self.options = options
        self.start()
        client = self.user("ann")
        began = self.clock.seconds()
        while not client.pings:
            self.advance(0.25)
        seconds = self.clock.seconds() - began
        self.assertTrue(silence - 0.01 <= seconds <= silence + 0.5, f"{seconds}, not {silence}")

    def test_by_default_after_25_seconds(self) -> None:
        self.assert_pinged_after(25.0)

    def test_after_the_interval_that_is_set(self) -> None:
        self.assert_pinged_after(7.0, "--ping-interval", "7s")

    def test_after_half_the_heartbeat_interval_if_that_is_less(self) -> None:
        self.assert_pinged_after(10.0, "--heartbeat-interval", "20s")


class Timed:
    due_at = 0

    def __init__(self, wheel: TimeoutWheel, again: Any = 0) -> None:
        self.wheel, self.again, self.checks = wheel, again, []

    def check_timeouts(self) -> int:
        self.checks.append(self.wheel.now)
        if isinstance(self.again, Exception):
            raise self.again
        return self.again


class TimeoutWheelTests(GatewayTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.wheel_clock = Reactor()
        self.wheel = TimeoutWheel(self.wheel_clock, SettableWallClock(self.wheel_clock.seconds), 2.0)
        self.wheel.startService()
        self.addCleanup(self.wheel.stopService)

    def ticks(self, count: int) -> None:
        self.wheel_clock.pump([self.wheel.tick] * count)

    def test_a_timeout_is_never_early_and_at_most_one_tick_late(self) -> None:
        self.assertEqual(self.wheel.tick_after(7, 0.95) - 7, 11)
        self.assertAlmostEqual(self.wheel.tick, 0.1)

    def test_a_connection_stands_in_one_bucket_at_most(self) -> None:
        timed = Timed(self.wheel)
        self.wheel.schedule(timed, 9)
        self.wheel.schedule(timed, 5)
        self.assertEqual(list(self.wheel._buckets), [5])
        self.ticks(12)
        self.assertEqual((timed.checks, self.wheel._buckets), ([5], {}))

    def test_one_that_is_gone_leaves_nothing_behind(self) -> None:
        timed = Timed(self.wheel)
        self.wheel.schedule(timed, 1000)
        self.wheel.cancel(timed)
        self.assertEqual(self.wheel._buckets, {})
        self.wheel.cancel(timed)  # once more is fine

    def test_one_that_another_one_closes_in_the_same_tick_is_not_checked(self) -> None:
        second = Timed(self.wheel)
        first = Timed(self.wheel)
        self.patch(first, "check_timeouts", lambda: self.wheel.cancel(second) or 0)
        self.wheel.schedule(first, 3)
        self.wheel.schedule(second, 3)
        self.ticks(5)
        self.assertEqual(second.checks, [])

    def test_a_check_that_fails_is_logged_and_tried_again(self) -> None:
        timed = Timed(self.wheel, ZeroDivisionError())
        self.wheel.schedule(timed, 3)
        self.ticks(3)
        self.assertEqual(timed.checks, [3, 4])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_a_clock_set_forward_is_one_tick(self) -> None:
        timed = Timed(self.wheel)
        self.wheel.schedule(timed, 5)
        self.wheel_clock.advance(3600)
        self.assertEqual((timed.checks, self.wheel.now), ([], 2))
