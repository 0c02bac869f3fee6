"""Requests that take long, over WebSocket and HTTP: others come in between."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address

from gim.concurrency.turns import TURN
from gim.gateway.packet_rate import MAX_REJECTED_IN_A_ROW
from gim.gateway.request_queue import REQUESTS_PER_LOOK
from tests.integration.hostile.test_requests import READY
from tests.support.hostile.wire import Wire
from tests.support.pipe import GatewayTestCase


class TurnCase(GatewayTestCase):
    def slow_down(self, owner: Any, name: str, seconds: float) -> None:
        """Let a method take so long, and count its calls."""
        self.calls, method = 0, getattr(owner, name)

        def slow(*args: Any) -> Any:
            self.calls += 1
            self.clock.rightNow += seconds
            return method(*args)

        self.patch(owner, name, slow)


class ReadTests(TurnCase):
    """The requests of one read."""

    def test_cheap_ones_are_served_for_one_turn(self) -> None:
        ann = self.user("ann")
        chat = self.gateway.operations._chat
        self.slow_down(chat, "server_time", TURN / REQUESTS_PER_LOOK * 1.01)
        count = 3 * REQUESTS_PER_LOOK
        ann.packets.clear()
        for seq in range(count):
            ann.say(105, {}, seq)
        (pump,) = self.pumps
        pump.pump()
        self.assertEqual(self.calls, REQUESTS_PER_LOOK)
        self.pump()
        self.assertEqual([packet["seq"] for packet in ann.packets], list(range(count)))
        self.assertEqual(self.gateway.turns.deferred, 2)

    def test_who_sends_too_fast_gets_all_replies_before_the_connection_is_closed(self) -> None:
        ann = self.user("ann")
        self.slow_down(self.gateway.operations._chat, "server_time", TURN / REQUESTS_PER_LOOK * 1.01)
        accepted = 3 * REQUESTS_PER_LOOK
        bucket = next(iter(self.gateway.connections))._packet_rate
        bucket.available = accepted
        ann.packets.clear()
        for seq in range(accepted + 2 * MAX_REJECTED_IN_A_ROW):
            ann.say(105, {}, seq)
        self.pump()
        codes = [packet["body"]["code"] for packet in ann.packets]
        self.assertEqual(codes, [0] * accepted + [429] * MAX_REJECTED_IN_A_ROW)
        self.assertEqual(ann.closed, (3013, "too many requests"))

    def test_reads_of_many_cheap_ones_share_a_turn(self) -> None:
        users = [self.user(name) for name in ("ann", "bob", "cat")]
        self.slow_down(self.gateway.operations._chat, "server_time", TURN / REQUESTS_PER_LOOK * 1.01)
        count = 3 * REQUESTS_PER_LOOK
        for user in users:
            user.packets.clear()
            for seq in range(count):
                user.say(105, {}, seq)
        for pump in self.pumps:
            pump.pump()
        self.assertEqual(self.calls, REQUESTS_PER_LOOK)
        self.pump()
        for user in users:
            self.assertEqual([packet["seq"] for packet in user.packets], list(range(count)))

    def test_frames_that_autobahn_reads_are_served_for_one_turn(self) -> None:
        ann = self.user("ann")
        self.slow_down(self.gateway.operations._chat, "server_time", TURN / 8)
        ann.packets.clear()
        count = 300
        ann.sendPing(b"x")
        for seq in range(count):
            ann.say(105, {}, seq)
        (pump,) = self.pumps
        pump.pump()
        self.assertLess(self.calls, count / 2)
        self.pump()
        self.assertEqual([packet["seq"] for packet in ann.packets], list(range(count)))

    def test_dear_ones_are_served_for_one_turn_of_all_connections(self) -> None:
        ann, bob = self.user("ann"), self.user("bob")
        self.slow_down(self.gateway.operations._chat, "sessions", TURN)
        for seq in range(5):
            ann.say(205, {}, seq)
        bob.say(205, {}, 0)
        for pump in self.pumps:
            pump.pump()
        self.assertEqual(self.calls, 1)
        self.pump()
        self.assertEqual([packet["seq"] for packet in ann.packets if packet["op"] == 206], [*range(5)])
        self.assertEqual(len([packet for packet in bob.packets if packet["op"] == 206]), 1)

    def test_leaving_may_be_dear_as_history_goes_with_the_last_member(self) -> None:
        ann = self.user("ann")
        for name in "abc":
            ann.say(301, {"id": name}, 0)
        self.pump()
        self.slow_down(self.gateway.operations._chat, "leave", TURN)
        for name in "abc":
            ann.say(303, {"id": name}, 0)
        (pump,) = self.pumps
        pump.pump()
        self.assertEqual(self.calls, 1)
        self.pump()
        self.assertEqual(self.calls, 3)

    def test_no_more_is_read_while_many_wait(self) -> None:
        ann = self.user("ann")
        self.slow_down(self.gateway.operations._chat, "sessions", TURN)
        for seq in range(100):
            ann.say(205, {}, seq)
        self.pump()
        self.assertEqual([packet["seq"] for packet in ann.packets if packet["op"] == 206], [*range(100)])


class HttpTests(TurnCase):
    def test_requests_of_one_read_are_served_for_one_turn(self) -> None:
        self.slow_down(self.gateway.operations._chat, "check_ready", TURN / 2)
        wire = Wire(self.api, self.clock, IPv4Address("TCP", "127.0.0.1", 5))
        wire.server.dataReceived(READY * 7)
        self.assertEqual(self.calls, 2)
        self.clock.advance(0)
        self.assertEqual(self.calls, 7)

    def test_a_network_of_ipv6_takes_turns_as_one_client(self) -> None:
        self.slow_down(self.gateway.operations._chat, "check_ready", TURN)
        clients: list[str] = []
        self.patch(self.gateway.turns, "wait", lambda client, _: clients.append(client))
        for host in ("2001:db8::1", "2001:db8::2", "2001:db8::3"):
            Wire(self.api, self.clock, IPv6Address("TCP", host, 5)).server.dataReceived(READY)
        self.assertEqual(len(clients), 2)
        self.assertEqual(len(set(clients)), 1)

    def test_one_that_hung_up_while_it_waited_is_not_served(self) -> None:
        self.slow_down(self.gateway.operations._chat, "check_ready", TURN)
        wires = [Wire(self.api, self.clock, IPv4Address("TCP", "127.0.0.1", 5)) for _ in range(2)]
        for wire in wires:
            wire.server.dataReceived(READY)
        wires[1].hang_up()
        self.clock.advance(0)
        self.assertEqual(self.calls, 1)
