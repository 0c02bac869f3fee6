"""Slow readers seen from a connection: what waits unsent, and what is done about it."""

from __future__ import annotations

import json
from typing import Any

from gim.gateway.outbound import CLOSE_FACTOR
from tests.support.pipe import Client, GatewayTestCase

BOUND = 20_000


class Valve:
    """Stands for the buffer of a transport: between the gateway and its pipe, shut when told to."""

    writes_at_once = True

    def __init__(self, server: Any) -> None:
        self.server, self.transport = server, server.transport
        self.waiting: list[bytes] = []
        self.is_shut = False
        self.when_drained: Any = None
        self.producer: Any = None
        self.paused = False
        for name in (
            "write",
            "registerProducer",
            "unregisterProducer",
            "pauseProducing",
            "resumeProducing",
        ):
            setattr(self.transport, name, getattr(self, name))
        server.outbound._write, server.outbound._buffer = self.write, self

    @property
    def unsent(self) -> int:
        return sum(map(len, self.waiting))

    @property
    def free(self) -> bool:
        return not self.waiting

    def write(self, data: bytes) -> None:
        self.waiting.append(data)
        if not self.is_shut:
            self.open()

    def open(self) -> None:
        """Let all pass, and go on doing so."""
        self.is_shut = False
        while self.waiting:
            self.step()

    def step(self) -> None:
        """Let pass what waits now, as a turn of the reactor would."""
        waiting, self.waiting = self.waiting, []
        for data in waiting:
            type(self.transport).write(self.transport, data)
        if self.producer is not None:
            self.producer.resumeProducing()
        if self.when_drained is not None and not self.waiting:
            call, self.when_drained = self.when_drained, None
            call()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert not streaming
        self.producer = producer
        producer.resumeProducing()

    def unregisterProducer(self) -> None:
        self.producer = None

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False


class SlowReaderTests(GatewayTestCase):
    options = ("--max-unsent", str(BOUND), "--message-push-duration", "1s", "--max-send-rate", "0")

    def setUp(self) -> None:
        super().setUp()
        self.ann, self.bob = self.user("ann"), self.connect()
        (server,) = [each for each in self.gateway.connections if each.login is None]
        self.valve = Valve(server)
        self.data(self.bob, 101, id="bob")
        for client in self.ann, self.bob:
            self.data(client, 301, id="den")
        self.bob.packets.clear()

    def tell(self, count: int, size: int = 1000) -> None:
        for _ in range(count):
            self.data(self.ann, 201, type=2, target_id="bob", content="x" * size)

    def say(self, content: str) -> None:
        self.data(self.ann, 201, type=1, target_id="den", content=content)
        self.advance(1.1)

    def den(self, client: Client) -> list[tuple[list[str], int]]:
        return [
            ([item["content"] for item in push["items"]], push["skipped"])
            for push in self.pushes(client)
            if push["session"]["type"] == 1
        ]

    def test_over_the_bound_chatroom_pushes_are_left_out_and_counted(self) -> None:
        self.valve.is_shut = True
        self.tell(BOUND // 1000)
        for content in "abc":
            self.say(content)
        self.assertEqual(self.den(self.ann), [(["a"], 0), (["b"], 0), (["c"], 0)])
        self.valve.open()
        self.pump()
        self.assertEqual(self.den(self.bob), [([], 3)])
        self.say("d")
        self.assertEqual(self.den(self.bob), [([], 3), (["d"], 0)])

    def test_below_the_bound_nothing_is_left_out(self) -> None:
        self.valve.is_shut = True
        self.tell(3)
        self.say("a")
        self.valve.open()
        self.pump()
        self.assertEqual(self.den(self.bob), [(["a"], 0)])

    def test_at_four_times_the_bound_it_is_closed_with_3008(self) -> None:
        self.valve.is_shut = True
        while self.bob_server_is_open() and self.valve.unsent <= 2 * CLOSE_FACTOR * BOUND:
            self.tell(1)
        self.assertGreater(self.valve.unsent, CLOSE_FACTOR * BOUND)
        self.assertLess(self.valve.unsent, CLOSE_FACTOR * BOUND + 3000)
        self.clock.writers.append(self.valve)
        self.assertEqual((self.gateway.slow_readers, self.gateway.unsent()), (1, self.valve.unsent))
        self.valve.open()
        self.pump()
        assert self.bob.closed is not None
        self.assertEqual(self.bob.closed[0], 3008)
        self.assertEqual(len(self.pushes(self.bob)), self.sent_to_bob())

    def bob_server_is_open(self) -> bool:
        return bool(self.valve.server.can_write())

    def sent_to_bob(self) -> int:
        return len(self.data(self.ann, 203, session_id="2:ann:bob", count=100)["items"])

    def test_after_it_is_closed_nothing_more_is_written(self) -> None:
        self.valve.is_shut = True
        while self.bob_server_is_open():
            self.tell(1)
        waiting = self.valve.unsent
        self.tell(1)
        self.say("a")
        self.valve.server.outbound.write_while_drained(self.fail)
        self.assertEqual(self.valve.unsent, waiting)

    def test_its_requests_wait_until_it_has_drained(self) -> None:
        self.tell(10, 900)
        self.bob.packets.clear()
        self.valve.is_shut = True
        for seq in range(100):
            body = {"session_id": "2:ann:bob"}
            self.bob.sendMessage(json.dumps({"op": 203, "seq": seq, "body": body}).encode())
        self.pump()
        self.assertLess(self.valve.unsent, 2 * BOUND)
        self.assertTrue(self.valve.paused)
        while self.valve.waiting:
            self.valve.step()
            self.pump()
            self.assertLess(self.valve.unsent, 2 * BOUND)
        self.assertEqual([packet["seq"] for packet in self.bob.packets], list(range(100)))
        self.assertFalse(self.valve.paused)

    def log_in_again(self) -> None:
        self.bob.sendMessage(b'{"op":101,"body":{"id":"bob"}}')
        self.pump()
        self.valve.step()  # the reply; the first push of what was missed follows

    def test_a_long_catch_up_never_trips_it(self) -> None:
        self.data(self.bob, 103)
        self.tell(1000, 4000)
        self.valve.is_shut = True
        self.log_in_again()
        self.assertGreater(self.valve.unsent, CLOSE_FACTOR * BOUND)
        self.tell(3)
        self.say("a")
        while self.valve.waiting:
            self.assertTrue(self.bob_server_is_open())
            self.valve.step()
        self.pump()
        self.assertEqual(sum(map(len, self.contents(self.bob))), 1004)
        self.assertIsNone(self.bob.closed)

    def test_what_is_held_back_behind_a_catch_up_counts(self) -> None:
        self.data(self.bob, 103)
        self.tell(200, 100)
        self.valve.is_shut = True
        self.log_in_again()
        told = 0
        while self.bob_server_is_open() and told < 200:
            self.tell(1)
            told += 1
        self.assertLess(told, 2 * CLOSE_FACTOR * BOUND // 1400)
