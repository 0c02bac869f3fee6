"""What the clients of a benchmark send, and what they count, with a server in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.benchmark import fanout, logins
from gim.benchmark import traffic as traffic_module
from gim.benchmark.connection import Connection, ConnectionEnded, HandshakeRefused, logged_in
from gim.benchmark.fanout import FanoutTraffic
from gim.benchmark.frames import CLOSE, PING, PONG
from gim.benchmark.logins import LoginTraffic
from gim.benchmark.packets import FIRST_NUMBER, Refusal
from gim.benchmark.plan import User
from gim.benchmark.private import PrivateTraffic
from gim.benchmark.traffic import Traffic
from gim.errors import TooManyRequests, Unauthorized
from tests.support.bench_server import SITE, MemoryTransport, ServerEnd, plan_of
from tests.support.virtual_loop import VirtualLoop


class TrafficTestCase(SynchronousTestCase):
    """Runs coroutines; connections of a traffic lead to `ServerEnd`s in ``ends``."""

    def setUp(self) -> None:
        self.ends: list[ServerEnd] = []
        self.said: list[dict[str, Any]] = []
        self.patch(traffic_module, "logged_in", self.logged_in)

    async def logged_in(self, site: Any, tls: Any, user: Any, make: Callable[[], Any]) -> Any:
        connection = make()
        self.ends.append(ServerEnd(connection))
        self.ends[-1].shake_hands()
        return connection

    def run_with(self, traffic_of: Callable[[], Traffic], test: Callable[[Any], Awaitable[None]]) -> None:
        async def run() -> None:
            traffic = traffic_of()
            await traffic.open()
            loop = asyncio.get_running_loop()
            traffic.begin, traffic.end = loop.time(), loop.time() + 60
            traffic.is_sending = True
            await test(traffic)

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(run())

    def requests(self) -> list[list[Any]]:
        return [end.received() for end in self.ends]


class PrivateTests(TrafficTestCase):
    def pairs(self, test: Callable[[PrivateTraffic], Awaitable[None]], **fields: Any) -> None:
        plan = plan_of("private", 2, **fields)
        self.run_with(lambda: PrivateTraffic(plan, self.said.append), test)

    def test_the_next_message_leaves_when_reply_and_push_are_there(self) -> None:
        async def test(traffic: PrivateTraffic) -> None:
            traffic.start()
            (first,), (other,) = self.requests()
            self.assertEqual((first.body.target_id, other.body.target_id), ("bench-1", "bench-0"))
            self.ends[0].accept(first)
            self.assertEqual(self.requests(), [[], []])
            self.ends[1].push(first)
            (second,), _ = self.requests()
            self.assertEqual((first.seq, second.seq), (FIRST_NUMBER, FIRST_NUMBER + 1))
            self.ends[1].push(second)
            self.assertEqual(self.requests(), [[], []])
            self.ends[0].accept(second)
            self.assertEqual(len(self.requests()[0]), 1)
            self.assertEqual((traffic.messages, traffic.under_way, traffic.sent), (2, 2, 4))
            self.assertEqual(traffic.latencies["reply"].count, 2)
            self.assertEqual(traffic.latencies["push"].count, 2)

        self.pairs(test)

    def test_so_many_are_under_way_at_a_time(self) -> None:
        async def test(traffic: PrivateTraffic) -> None:
            traffic.start()
            sent, _ = self.requests()
            self.assertEqual([request.seq for request in sent], [FIRST_NUMBER + n for n in range(8)])
            self.ends[1].push(*sent[:3])
            for request in sent[:3]:
                self.ends[0].accept(request)
            self.assertEqual(len(self.requests()[0]), 3)

        self.pairs(test, in_flight=8)

    def test_a_message_that_comes_twice_or_late_is_counted(self) -> None:
        async def test(traffic: PrivateTraffic) -> None:
            traffic.start()
            sent, _ = self.requests()
            self.ends[1].push(sent[0])
            self.ends[1].push(sent[0])
            self.assertEqual(traffic.tally.counts["repeated"], 1)

        self.pairs(test)

    def test_after_a_refusal_the_next_try_is_a_second_later(self) -> None:
        async def test(traffic: PrivateTraffic) -> None:
            delays = list[float]()
            loop = asyncio.get_running_loop()
            loop.call_later = lambda delay, act, *args: delays.append(delay) or act(*args)
            traffic.start()
            (first,), _ = self.requests()
            self.ends[0].refuse(first, TooManyRequests("wait a second"))
            (again,), _ = self.requests()
            self.assertEqual((delays, again.seq), ([1.0], FIRST_NUMBER + 1))
            self.assertEqual(traffic.tally.errors, {"429": 1})
            self.assertEqual(traffic.under_way, 2)

        self.pairs(test)

    def test_a_latency_counts_from_when_its_message_was_due(self) -> None:
        async def test(traffic: PrivateTraffic) -> None:
            now = asyncio.get_running_loop().time()
            traffic.begin = now - 10
            traffic.send(now - 5)
            traffic.send(now - 20)
            sent, other = self.requests()
            self.ends[0].accept(sent[0])
            self.ends[1].accept(other[0])  # was due before the window
            latencies = traffic.latencies["reply"]
            self.assertEqual(latencies.count, 1)
            self.assertGreaterEqual(latencies.max_us, 5_000_000)
            self.assertEqual(self.requests(), [[], []])

        self.pairs(test, rate=10.0)


class FanoutTests(TrafficTestCase):
    def room(self, test: Callable[[FanoutTraffic], Awaitable[None]], **fields: Any) -> None:
        plan = plan_of("fanout", 3, **fields)
        self.run_with(lambda: FanoutTraffic(plan.share(fields.get("place", 0)), self.said.append), test)

    def test_the_next_message_leaves_when_all_members_have_it(self) -> None:
        async def test(traffic: FanoutTraffic) -> None:
            traffic.start()
            (first,), *others = self.requests()
            self.assertEqual((first.body.type, others), (1, [[], []]))
            for end in self.ends:
                self.assertEqual(traffic.messages, 0)
                end.push(first)
            self.ends[0].accept(first)
            self.assertEqual(len(self.requests()[0]), 1)
            self.assertEqual((traffic.messages, traffic.frames, traffic.deliveries), (1, 3, 3))
            self.assertEqual(traffic.latencies["push"].count, 3)
            self.assertEqual(traffic.latencies["reply"].count, 1)

        self.room(test)

    def test_what_a_push_skips_has_reached_its_member(self) -> None:
        async def test(traffic: FanoutTraffic) -> None:
            traffic.start()
            sent = self.requests()[0]
            for end in self.ends:
                end.push(*sent[3:], skipped=3)
            self.assertEqual((traffic.messages, traffic.skipped, traffic.deliveries), (4, 9, 3))

        self.room(test, in_flight=4)

    def test_members_in_another_process_are_waited_for(self) -> None:
        async def test(traffic: FanoutTraffic) -> None:
            traffic.start()
            first = self.requests()[0][0]
            for end in self.ends:
                end.push(first)
            self.assertEqual((len(self.ends), traffic.messages), (2, 0))
            traffic.on_reached(0, first.seq)
            self.assertEqual(traffic.messages, 1)
            traffic.on_reached(0, first.seq + 9)  # one that was refused
            self.assertEqual(self.said, [])

        self.room(test, processes=2)

    def test_members_beside_another_process_say_when_they_have_it(self) -> None:
        async def test(traffic: FanoutTraffic) -> None:
            traffic.start()
            self.assertEqual(self.requests(), [[]])
            content = "no=1000000000 at=0000000000000001"
            request = type("Request", (), {"body": type("Body", (), {"content": content})})
            self.ends[0].push(request)
            self.assertEqual(self.said, [{"reached": [0, FIRST_NUMBER]}])

        self.room(test, processes=2, place=1)

    def test_chatrooms_are_created_joined_and_dismissed(self) -> None:
        async def test(traffic: FanoutTraffic) -> None:
            for act, op in ((traffic.create, 301), (traffic.join, 301), (traffic.dismiss, 309)):
                doing = asyncio.create_task(act())
                await asyncio.sleep(0.01)
                for end in self.ends:
                    for request in end.received():
                        self.assertEqual((request.op, request.body.id), (op, "bench-room"))
                        end.answer(op, {})
                self.assertIn(await doing, (None, []))
            dismissing = asyncio.create_task(traffic.dismiss())
            await asyncio.sleep(0)
            self.ends[0].refuse(self.ends[0].received()[0], TooManyRequests("wait"))
            self.assertEqual(await dismissing, ["bench-room"])

        self.room(test)

    def test_a_push_that_is_like_the_one_before_is_known_by_its_bytes(self) -> None:
        async def test(traffic: FanoutTraffic) -> None:
            traffic.start()
            (first,) = self.requests()[0]
            self.ends[0].push(first)
            size = traffic.bytes_in
            self.patch(fanout, "push_in", lambda payload: self.fail("it is parsed again"))
            for end in self.ends[1:]:
                end.push(first)
            self.assertEqual((traffic.bytes_in, traffic.messages), (3 * size, 1))

        self.room(test)

    def test_a_refused_message_is_counted_and_not_waited_for(self) -> None:
        async def test(traffic: FanoutTraffic) -> None:
            traffic.send(asyncio.get_running_loop().time())
            (first,), *_ = self.requests()
            self.ends[0].refuse(first, TooManyRequests("wait"))
            self.assertEqual((traffic.tally.errors, traffic.under_way), ({"429": 1}, 0))

        self.room(test, rate=1.0)


class WindowTests(TrafficTestCase):
    def test_a_measurement_without_connections_ends_with_what_was_found(self) -> None:
        async def test(traffic: Traffic) -> None:
            traffic.end = traffic.begin = float("inf")
            measuring = asyncio.create_task(traffic.measure(asyncio.get_running_loop().time()))
            await asyncio.sleep(0)
            for end in self.ends:
                end.send((3001).to_bytes(2, "big") + b"going away", CLOSE)
                self.assertTrue(end.transport.is_closed)
                end.client.connection_lost(None)
            failure = await measuring
            self.assertEqual(str(failure), "the server has closed all connections: 3001, going away")
            self.assertEqual(traffic.tally.closed, {"3001": 2})

        plan = plan_of("idle", 2)
        self.run_with(lambda: Traffic(plan, self.said.append), test)

    def test_it_can_be_stopped_early(self) -> None:
        async def test(traffic: Traffic) -> None:
            traffic.end = traffic.begin = float("inf")
            measuring = asyncio.create_task(traffic.measure(asyncio.get_running_loop().time()))
            await asyncio.sleep(0)
            traffic.stop()
            self.assertIsNone(await measuring)
            self.assertLess(traffic.end - traffic.begin, 60)
            self.assertEqual(traffic.tally.counts["connected"], 2)

        plan = plan_of("idle", 2)
        self.run_with(lambda: Traffic(plan, self.said.append), test)

    def test_connections_that_ended_before_it_are_a_fault(self) -> None:
        async def test(traffic: Traffic) -> None:
            traffic.end = traffic.begin = float("inf")
            for end in self.ends:
                end.client.connection_lost(None)
            failure = await traffic.measure(asyncio.get_running_loop().time())
            self.assertIn("1006", str(failure))

        self.run_with(lambda: Traffic(plan_of("idle", 2), self.said.append), test)

    def test_at_a_rate_messages_leave_until_the_end(self) -> None:
        async def test(traffic: PrivateTraffic) -> None:
            traffic.end = traffic.begin = float("inf")
            self.patch(traffic_module, "DRAIN_S", 0.0)
            failure = await traffic.measure(asyncio.get_running_loop().time())
            sent = sum(map(len, self.requests()))
            self.assertEqual(sent, 20)
            self.assertEqual(traffic.tally.counts["missing"], sent)
            self.assertIn("does not answer any more", str(failure))

        plan = replace(plan_of("private", 4, rate=200.0), window_s=0.1)
        self.run_with(lambda: PrivateTraffic(plan, self.said.append), test)

    def test_a_server_that_is_too_slow_for_the_rate_ends_it(self) -> None:
        async def test(traffic: PrivateTraffic) -> None:
            traffic.end = traffic.begin = float("inf")
            self.patch(traffic_module, "MAX_UNDER_WAY", 3)
            failure = await traffic.measure(asyncio.get_running_loop().time())
            self.assertIn("lower --rate", str(failure))

        self.run_with(lambda: PrivateTraffic(plan_of("private", 2, rate=1e4), self.said.append), test)


class LoginTests(TrafficTestCase):
    """Logins that end at once, as the test says."""

    def setUp(self) -> None:
        super().setUp()
        self.outcomes: list[Exception | None] = []
        self.patch(logins, "logged_in", self.logged_in)
        self.patch(logins, "REFUSAL_PAUSE_S", 0.0)

    async def logged_in(self, site: Any, tls: Any, user: Any, make: Callable[[], Any]) -> Any:
        await asyncio.sleep(0.004)
        if self.ends and self.outcomes and (fault := self.outcomes.pop(0)) is not None:
            raise fault
        connection = await super().logged_in(site, tls, user, make)
        hang_up = connection.hang_up

        def hang_up_at_once() -> None:
            hang_up()
            connection.connection_lost(None)

        connection.hang_up = hang_up_at_once
        return connection

    def measured(self, *outcomes: Exception | None, **fields: Any) -> tuple[Any, LoginTraffic]:
        """Return how it ended, and what was counted."""
        self.outcomes = list(outcomes)
        self.ends.clear()
        found: list[Any] = []

        async def test(traffic: LoginTraffic) -> None:
            traffic.end = traffic.begin = float("inf")
            found.extend([await traffic.measure(asyncio.get_running_loop().time()), traffic])
            await traffic.close()

        plan = replace(plan_of("login", 3, **fields), window_s=0.05)
        self.run_with(lambda: LoginTraffic(plan, self.said.append), test)
        return found[0], found[1]

    def test_one_follows_the_other(self) -> None:
        failure, traffic = self.measured(in_flight=2)
        self.assertIsNone(failure)
        self.assertEqual(traffic.tally.counts["messages"], 24)  # two in each 4 of 50 ms
        self.assertEqual((traffic.tally.counts["missing"], traffic.tally.errors), (0, {}))

    def test_at_a_rate_they_do_not_wait_for_each_other(self) -> None:
        failure, traffic = self.measured(rate=200.0)
        self.assertIsNone(failure)
        self.assertEqual(traffic.tally.counts["messages"], 10)

    def test_refusals_are_counted(self) -> None:
        _, traffic = self.measured(HandshakeRefused(429, "too many"), Refusal(409, "you have 100"))
        self.assertEqual(traffic.tally.errors, {"429": 1, "409": 1})

    def test_connections_that_end_are_counted(self) -> None:
        _, traffic = self.measured(ConnectionEnded(3504, ""))
        self.assertEqual(traffic.tally.closed, {"3504": 1})

    def test_a_server_that_is_gone_ends_it(self) -> None:
        for fault, words, status in (
            (ConnectionRefusedError(111, ""), "can't be reached: Connection refused", 3),
            (TimeoutError(), "did not answer in 1 s", 4),
        ):
            failure, _ = self.measured(fault)
            self.assertIn(words, str(failure))
            self.assertEqual(failure.status, status)

    def test_too_many_that_wait_end_it(self) -> None:
        self.patch(logins, "MAX_OPENING", 1)
        failure, _ = self.measured(rate=1e5)
        self.assertIn("lower --rate", str(failure))


class Owner:
    bytes_in = 0

    def __init__(self) -> None:
        self.ends: list[tuple[int, str]] = []

    def ended(self, connection: Any, code: int, reason: str) -> None:
        self.ends.append((code, reason))


class ConnectionTests(SynchronousTestCase):
    def connect(self, test: Callable[[ServerEnd, Owner], Awaitable[None]]) -> None:
        async def run() -> None:
            owner = Owner()
            await test(ServerEnd(Connection(owner, SITE)), owner)

        asyncio.run(run())

    def test_requests_are_answered_in_order_around_pushes(self) -> None:
        async def test(end: ServerEnd, owner: Owner) -> None:
            end.shake_hands()
            await end.client.opened
            asked = [asyncio.create_task(end.client.ask(105, {})) for _ in range(2)]
            await asyncio.sleep(0)
            self.assertEqual([request.op for request in end.received()], [105, 105])
            end.push()
            end.answer(105, {"server_time": 1})
            end.answer(105, {"server_time": 2})
            self.assertEqual([(await each)["server_time"] for each in asked], [1, 2])

        self.connect(test)

    def test_pings_are_answered(self) -> None:
        async def test(end: ServerEnd, owner: Owner) -> None:
            end.shake_hands()
            end.send(b"p", PING)
            self.assertEqual(end.transport.written, bytes((PONG, 0x81, 0, 0, 0, 0)) + b"p")

        self.connect(test)

    def test_a_handshake_that_is_refused_says_why(self) -> None:
        async def test(end: ServerEnd, owner: Owner) -> None:
            end.shake_hands("429 too many connections from this address: close one")
            with self.assertRaises(HandshakeRefused) as caught:
                await end.client.opened
            self.assertEqual(caught.exception.status, 429)
            self.assertTrue(end.transport.is_closed)

        self.connect(test)

    def test_what_does_not_speak_http_has_no_status(self) -> None:
        async def test(end: ServerEnd, owner: Owner) -> None:
            end.client.on_data(b"220 smtp.example.com ESMTP\r\n\r\n")
            with self.assertRaises(HandshakeRefused) as caught:
                await end.client.opened
            self.assertEqual(caught.exception.status, 0)

        self.connect(test)

    def test_an_end_fails_what_waits_and_is_told_unless_wanted(self) -> None:
        async def test(end: ServerEnd, owner: Owner) -> None:
            end.shake_hands()
            asked = asyncio.create_task(end.client.ask(105, {}))
            await asyncio.sleep(0)
            end.client.connection_lost(None)
            with self.assertRaises(ConnectionEnded):
                await asked
            self.assertEqual(owner.ends, [(1006, "")])
            with self.assertRaises(ConnectionEnded):
                await end.client.ask(105, {})

        self.connect(test)

    def test_a_client_that_hangs_up_is_not_an_end(self) -> None:
        async def test(end: ServerEnd, owner: Owner) -> None:
            end.shake_hands()
            end.client.hang_up()
            end.client.connection_lost(None)
            self.assertTrue(end.client.gone.done())
            self.assertEqual(owner.ends, [])
            self.assertIsInstance(end.transport, MemoryTransport)

        self.connect(test)


class LoginReplyTests(SynchronousTestCase):
    """`logged_in` on a loop whose connections are in memory."""

    def log_in(self, test: Callable[[ServerEnd], None], token: str = "") -> Any:
        async def run() -> Any:
            loop = asyncio.get_running_loop()

            async def create_connection(make: Callable[[], Any], *address: Any, **options: Any) -> Any:
                client = make()
                end = ServerEnd(client)
                loop.call_soon(end.shake_hands)
                loop.call_soon(loop.call_soon, loop.call_soon, test, end)
                return end.transport, client

            loop.create_connection = create_connection  # type: ignore[assignment]
            return await logged_in(SITE, None, User("bench-1", token), lambda: Connection(Owner(), SITE))

        return asyncio.run(run())

    def test_a_login_shows_its_token(self) -> None:
        shown = []

        def answer(end: ServerEnd) -> None:
            (login,) = end.received()
            shown.append((login.op, login.body.id, login.body.token))
            end.answer(101, {})

        self.assertTrue(self.log_in(answer, "t").is_open)
        self.assertEqual(shown, [(101, "bench-1", "t")])

    def test_a_refused_login_ends_the_connection(self) -> None:
        ends = []

        def refuse(end: ServerEnd) -> None:
            ends.append(end)
            (login,) = end.received()
            end.refuse(login, Unauthorized("token: missing"))

        with self.assertRaises(Refusal):
            self.log_in(refuse)
        self.assertTrue(ends[0].transport.is_closed)
