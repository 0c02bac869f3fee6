"""What one connection may take of a gateway, and for how long, whatever its peer does."""

from __future__ import annotations

import json

from twisted.internet.address import IPv4Address

from gim.gateway.bounded_protocol import BYTES_PER_EXTRA_FRAGMENT, MAX_FRAGMENTS
from tests.integration.hostile.test_sockets import HANDSHAKE, frames_of
from tests.support.hostile.inputs import frame
from tests.support.hostile.wire import Wire
from tests.support.pipe import GatewayTestCase

ADDRESS = IPv4Address("TCP", "127.0.0.1", 5)
PING, PONG, CLOSE, CONTINUATION = 0x89, 10, 8, 0x00


class BoundsCase(GatewayTestCase):
    def wire(self) -> Wire:
        return Wire(self.gateway, self.clock, ADDRESS)

    def opened(self) -> Wire:
        """Return a connection whose handshake is done and forgotten."""
        wire = self.wire()
        wire.feed([HANDSHAKE + b"\r\n"])
        wire.transport.clear()
        return wire

    def wait(self, wire: Wire, seconds: float) -> None:
        for _ in range(round(seconds / 0.25)):
            self.clock.advance(0.25)
            wire.turn()

    def close_code(self, wire: Wire) -> int:
        opcode, payload = frames_of(wire.transport.value())[-1]
        self.assertEqual(opcode, CLOSE)
        return int.from_bytes(payload[:2], "big")


class FragmentTests(BoundsCase):
    """Fragments of a message, of which a peer may send as many as it likes, empty ones too."""

    options = ("--max-packet", "32KiB")
    most = MAX_FRAGMENTS + 32768 // BYTES_PER_EXTRA_FRAGMENT

    def fragments(self, count: int, *last: bytes) -> Wire:
        wire = self.opened()
        first, empty = frame(b'{"op"', 0x01), frame(b"", CONTINUATION)
        wire.feed([first + empty * (count - 1 - len(last)), *last])
        return wire

    def test_a_message_in_many_is_read(self) -> None:
        wire = self.fragments(self.most, frame(b":105}", 0x80))
        ((_, payload),) = frames_of(wire.transport.value())
        self.assertEqual(json.loads(payload)["op"], 106)

    def test_one_more_closes_with_1009_and_nothing_more_is_kept(self) -> None:
        wire = self.fragments(self.most + 1)
        self.assertEqual(self.close_code(wire), 1009)
        kept = len(wire.server.message_data)
        wire.feed([frame(b"", CONTINUATION) * 1000])
        self.assertEqual(len(wire.server.message_data), kept)

    def test_the_count_begins_anew_with_each_message(self) -> None:
        wire = self.opened()
        message = frame(b"{", 0x01) + frame(b"", CONTINUATION) * 900 + frame(b"}", 0x80)
        wire.feed([message] * 3)
        self.assertEqual([opcode for opcode, _ in frames_of(wire.transport.value())], [1, 1, 1])


class UnreadTests(BoundsCase):
    """A peer that never reads."""

    options = ("--max-unsent", "64KiB", "--max-packet-rate", "0")  # which counts pings, too

    def deaf(self) -> Wire:
        """Return a connection of which nothing is taken by the kernel."""
        wire = self.opened()
        written = wire.transport.value
        buffer = wire.server.outbound._buffer = Deaf(wire.transport)
        self.assertEqual((buffer.unsent, written()), (0, b""))
        return wire

    def test_pings_whose_pongs_it_does_not_read_close_with_3008(self) -> None:
        wire = self.deaf()
        pings = frame(b"x" * 125, PING) * 500
        for _ in range(8):  # 500 KB
            wire.feed([pings])
        self.assertEqual(self.close_code(wire), 3008)
        self.assertLess(len(wire.transport.value()), 4 * 65536 + len(pings))

    def test_a_close_that_it_has_asked_for_does_not_wait_for_ever(self) -> None:
        wire = self.opened()
        wire.transport.has_unsent = True
        wire.feed([frame(b"\x03\xe8", 0x88)])
        self.assertEqual(self.close_code(wire), 1000)
        self.wait(wire, 4)
        self.assertTrue(wire.is_open)
        self.wait(wire, 2)
        self.assertFalse(wire.is_open)
        self.assertTrue(wire.is_freed())

    def test_nor_does_the_refusal_of_a_handshake(self) -> None:
        wire = self.wire()
        wire.transport.has_unsent = True
        wire.feed([b"GET / HTTP/1.1\r\n\r\n"])
        self.assertIn(b"HTTP/1.1 400", wire.transport.value())
        self.wait(wire, 6)
        self.assertFalse(wire.is_open)

    def test_what_it_sends_meanwhile_is_not_kept(self) -> None:
        wire = self.opened()
        wire.transport.has_unsent = True
        wire.feed([frame(b"\x03\xe8", 0x88), b"x" * 10000])
        self.assertEqual(len(wire.server.data), 0)


class Deaf:
    """Stands for a kernel that takes nothing."""

    free = False
    when_drained = None

    def __init__(self, transport: object) -> None:
        self._transport = transport

    @property
    def unsent(self) -> int:
        return len(self._transport.value())  # type: ignore[attr-defined]


class HandshakeTests(BoundsCase):
    """Handshakes that are never done."""

    def test_a_byte_each_second_does_not_make_the_time_longer(self) -> None:
        wire = self.wire()
        for at in range(4):
            wire.feed([HANDSHAKE[at : at + 1]])
            self.wait(wire, 1)
        self.assertTrue(wire.is_open)
        wire.feed([HANDSHAKE[4:5]])
        self.wait(wire, 1.5)
        self.assertFalse(wire.is_open)
        self.assertTrue(wire.is_freed())

    def test_nothing_at_all_is_dropped_as_well(self) -> None:
        wires = [self.wire() for _ in range(50)]
        for _ in range(22):
            self.clock.advance(0.25)
        for wire in wires:
            wire.turn()
        self.assertEqual({wire.is_open for wire in wires}, {False})
        self.assertEqual(self.gateway.connections, set())

    def test_16_kib_without_an_end_are_too_much(self) -> None:
        wire = self.wire()
        wire.feed([b"GET / HTTP/1.1\r\nX: " + b"x" * 9000, b"x" * 9000])
        self.assertFalse(wire.is_open)

    def test_a_connection_that_breaks_while_it_is_closed_is_freed_at_once(self) -> None:
        wire = self.opened()
        wire.feed([frame(b"", 0xFF)])
        self.assertEqual(self.close_code(wire), 1002)
        wire.hang_up()
        self.assertTrue(wire.is_freed())
