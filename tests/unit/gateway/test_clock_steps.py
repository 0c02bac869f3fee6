"""A whole daemon on the memory store while the wall clock is set: forward, back, and right again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.python.filepath import FilePath

from gim.concurrency.clocks import MAX_DATE_WAIT
from gim.storage.rules import REQUEST_ID_WINDOW
from tests.support.clocks import DAY, HOUR
from tests.support.key_material import SECRET, secret_token
from tests.support.pipe import Client, GatewayTestCase
from tests.support.world import START

STEPS = HOUR, -HOUR, 31 * DAY, -31 * DAY  # each is put right by one of the others, some time later


class StepTestCase(GatewayTestCase):
    def at_each_step(self, test: Callable[[], object]) -> None:
        """Run *test* after each step of the wall clock, and once without one."""
        for step in 0.0, *STEPS:
            with self.subTest(step=step):
                self.wall.step(step)
                test()

    def time_until_closed(self, client: Client, most: float = 100.0) -> float:
        """Return the seconds until the client is closed, without a step of the wall clock."""
        began = self.clock.seconds()
        while client.closed is None and self.clock.seconds() < began + most:
            self.advance(0.1)
        return self.clock.seconds() - began

    def assert_near(self, seconds: float, expected: float) -> None:
        """Never early, and not more than 0.3 s late."""
        self.assertTrue(expected - 0.01 <= seconds <= expected + 0.3, f"{seconds}, not {expected}")

    def send(self, client: Client, target: str, content: str, **more: Any) -> Any:
        return self.data(client, 201, type=1, target_id=target, content=content, **more)

    def history(self, client: Client, session: str) -> list[Any]:
        return list(self.data(client, 203, session_id=session, count=100)["items"])


class WaitingTests(StepTestCase):
    """What was begun before a step takes as long as without it."""

    options = ("--login-timeout", "3s", "--heartbeat-interval", "6s", "--max-send-rate", "5")

    def test_a_chatroom_is_pushed_after_its_interval(self) -> None:
        ann = self.user("ann")
        self.data(ann, 301, id="den")

        def step() -> None:
            self.advance(2.5)
            before = len(self.pushes(ann))
            self.send(ann, "den", "at once")
            self.send(ann, "den", "later")
            self.wall.step(HOUR)
            self.advance(0.5)
            self.assertEqual(len(self.pushes(ann)), before + 1)
            self.wall.step(-HOUR - 12)
            self.advance(0.6)
            self.assertEqual(len(self.pushes(ann)), before + 2)
            self.wall.step(12)

        self.at_each_step(step)

    def test_a_login_that_is_late(self) -> None:
        def step() -> None:
            client = self.connect()
            self.advance(1)
            self.wall.step(-12)
            self.assert_near(1 + self.time_until_closed(client), 3.0)
            self.assertEqual(client.closed and client.closed[0], 3502)

        self.at_each_step(step)

    def test_a_silent_client(self) -> None:
        bob = self.user("bob")  # answers pings

        def step() -> None:
            ann = self.user("ann")
            ann.answers_pings = False
            self.advance(1)
            self.wall.step(HOUR)
            self.assert_near(1 + self.time_until_closed(ann), 6.0)
            self.wall.step(-HOUR)
            self.assertIsNone(bob.closed)

        self.at_each_step(step)

    def test_rates_are_refilled(self) -> None:
        ann = self.user("ann")

        def step() -> None:
            self.advance(1)
            codes = [self.ask(ann, 201, type=2, target_id="bob", content="x")["code"] for _ in range(6)]
            self.assertEqual(codes, [0] * 5 + [429])
            self.wall.step(HOUR)
            self.assertEqual(self.ask(ann, 201, type=2, target_id="bob", content="x")["code"], 429)
            self.wall.step(-HOUR)

        self.at_each_step(step)

    def test_connections_close_evenly_as_the_daemon_drains(self) -> None:
        for number in range(4):
            self.user(f"u{number}")
        self.gateway.drain(4.0)
        self.advance(0.5)
        left = []
        for by in STEPS:
            left.append(len(self.gateway.connections))
            self.wall.step(by)
            self.advance(1)
        self.assertEqual(left, [3, 2, 1, 0])


class PacketRateTests(StepTestCase):
    options = ("--max-packet-rate", "10", "--max-packet-burst", "10")

    def test_a_bucket_fills_by_the_time_that_passes(self) -> None:
        ann = self.user("ann")

        def step() -> None:
            self.advance(2)
            self.assertEqual([self.ask(ann, 105)["code"] for _ in range(11)], [0] * 10 + [429])
            self.wall.step(HOUR)
            self.advance(0.5)
            self.assertEqual(self.ask(ann, 105)["code"], 0)
            self.wall.step(-HOUR)

        self.at_each_step(step)


class StoredTests(StepTestCase):
    """What is stored has dates, and outlives a step."""

    options = ("--message-ttl", "30d", "--enable-message-sequence")

    def test_the_time_of_the_server_is_the_wall_clock(self) -> None:
        ann = self.user("ann")
        self.at_each_step(
            lambda: self.assertEqual(self.data(ann, 105)["server_time"], self.wall.now_ms())
        )

    def test_a_repeated_request_is_stored_once_whatever_the_date(self) -> None:
        ann = self.user("ann")
        self.data(ann, 301, id="den")
        first = self.send(ann, "den", "once", request_id="r")["id"]

        def step() -> None:
            self.advance(2, step=1)
            self.assertEqual(self.send(ann, "den", "once", request_id="r")["id"], first)

        self.at_each_step(step)
        self.advance(REQUEST_ID_WINDOW, step=1)
        self.assertNotEqual(self.send(ann, "den", "once", request_id="r")["id"], first)

    def test_messages_outlive_a_slip_and_ids_rise(self) -> None:
        ann = self.user("ann")
        self.data(ann, 301, id="den")
        sent = []

        def step() -> None:
            sent.append(self.send(ann, "den", f"{len(sent)}")["id"])
            self.advance(3, step=1)  # the store is swept
            sent.append(self.send(ann, "den", f"{len(sent)}")["id"])
            found = [message["id"] for message in self.history(ann, "1:den")]
            self.assertEqual(sorted(found), sent)

        self.at_each_step(step)
        self.assertEqual(sorted(sent), sent)
        self.assertEqual(len(set(sent)), 2 * (1 + len(STEPS)))

    def test_a_login_outlives_a_slip_and_catches_up(self) -> None:
        ann, bob = self.user("ann"), self.user("bob")
        bob.sendClose(1000)
        self.pump()
        self.data(ann, 201, type=2, target_id="bob", content="missed")
        self.wall.step(31 * DAY)
        self.advance(3, step=1)
        self.wall.step(-31 * DAY)
        self.advance(3, step=1)
        self.assertEqual(self.contents(self.user("bob")), [["missed"]])


class TokenTests(StepTestCase):
    """The end of a token is a date."""

    def setUp(self) -> None:
        key = FilePath(self.mktemp())
        key.setContent(SECRET.encode())
        key.chmod(0o600)
        self.options = ("--auth-key-file", key.path)
        super().setUp()

    def login(self, seconds: float) -> Client:
        client = self.connect()
        self.data(client, 101, id="ann", token=secret_token(exp=START + seconds))
        return client

    def test_a_step_over_the_end_of_a_token_closes_soon(self) -> None:
        client = self.login(HOUR)
        self.wall.step(HOUR)
        self.assertLess(self.time_until_closed(client), MAX_DATE_WAIT + 1)
        self.assertEqual(client.closed and client.closed[0], 3005)

    def test_a_step_back_puts_the_end_off(self) -> None:
        client = self.login(20)
        self.advance(10, step=1)
        self.wall.step(-60)
        self.advance(65, step=1)
        self.assertIsNone(client.closed)
        self.advance(10, step=1)
        self.assertEqual(client.closed and client.closed[0], 3005)
