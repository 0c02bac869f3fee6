"""What one connection may take of the HTTP API, and for how long."""

from __future__ import annotations

import tempfile

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred

from gim.api.server.channel import IDLE_TIMEOUT, LINGER, REQUEST_TIMEOUT
from tests.integration.hostile.test_requests import LOGIN, READY
from tests.support.hostile.wire import Wire
from tests.support.pipe import GatewayTestCase

ADDRESS = IPv4Address("TCP", "127.0.0.1", 5)
POST = b"POST /v1/login HTTP/1.1\r\nHost: localhost\r\n"


class BoundsCase(GatewayTestCase):
    def wire(self, *pieces: bytes) -> Wire:
        wire = Wire(self.api, self.clock, ADDRESS)
        wire.feed(pieces)
        return wire

    def wait(self, wire: Wire, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.clock.advance(0.5)
            wire.turn()

    def drip(self, wire: Wire, data: bytes, seconds: int) -> None:
        """Send a byte each second."""
        for at in range(seconds):
            wire.feed([data[at : at + 1]])
            self.wait(wire, 1)


class SlowTests(BoundsCase):
    def test_slow_headers_end_with_the_time_of_a_request(self) -> None:
        wire = self.wire()
        self.drip(wire, READY, REQUEST_TIMEOUT - 1)
        self.assertTrue(wire.is_open)
        self.drip(wire, b"xx", 2)
        self.assertFalse(wire.is_open)

    def test_so_do_slow_bodies_however_they_are_sent(self) -> None:
        for field, body in (
            (b"Content-Length: 1000\r\n\r\n", b" " * 1000),
            (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 1000),
        ):
            wire = self.wire(POST + field)
            self.drip(wire, body, REQUEST_TIMEOUT - 1)
            self.assertTrue(wire.is_open)
            self.drip(wire, body, 2)
            self.assertFalse(wire.is_open)

    def test_each_request_has_its_time_and_the_pause_before_it_too(self) -> None:
        wire = self.wire()
        for _ in range(3):
            self.wait(wire, IDLE_TIMEOUT - 1)
            self.drip(wire, READY, 25)
            wire.feed([READY[25:]])
            self.assertIn(b"HTTP/1.1 200 OK", wire.transport.value())
            wire.transport.clear()

    def test_an_idle_connection_is_closed_before_and_after_a_request(self) -> None:
        for pieces in (), (READY,), (READY, b"\r\n"):
            wire = self.wire(*pieces)
            self.wait(wire, IDLE_TIMEOUT + 1)
            self.assertFalse(wire.is_open)


class IdleTests(BoundsCase):
    """Which connection makes room when files are short."""

    def close_longest(self, *wires: Wire, keep: int = 0) -> list[bool]:
        """Close the longest idle connection; return which are open then."""
        self.api.idle.close_longest(keep)
        for wire in wires:
            wire.turn()
        return [wire.is_open for wire in wires]

    def test_the_connection_that_has_been_idle_longest_is_closed(self) -> None:
        first, second, third = self.wire(), self.wire(READY), self.wire(POST)
        first.feed([READY])  # idle anew
        self.assertEqual(self.close_longest(first, second, third), [True, False, True])
        self.assertEqual(self.close_longest(first, second, third), [True, False, False])
        self.assertEqual(self.close_longest(first, second, third), [False, False, False])
        self.assertFalse(self.api.idle.close_longest(0))

    def test_some_may_be_kept(self) -> None:
        wires = [self.wire() for _ in range(3)]
        self.assertEqual(self.close_longest(*wires, keep=2), [False, True, True])
        self.assertEqual(self.close_longest(*wires, keep=2), [False, True, True])

    def test_one_that_waits_for_its_answer_is_not_idle(self) -> None:
        answer: Deferred[None] = Deferred()
        self.patch(self.daemon._chat, "check_ready", lambda: answer)
        wire = self.wire(READY)
        self.assertEqual(self.close_longest(wire), [True])

    def test_one_that_is_gone_is_not_idle(self) -> None:
        for wire in self.wire(), self.wire(READY), self.wire(b"junk\r\n\r\n"):
            wire.hang_up()
        self.assertEqual(len(self.api.idle), 0)


class UnreadTests(BoundsCase):
    """A peer that never reads, or never hangs up."""

    def test_an_unread_answer_does_not_keep_a_connection(self) -> None:
        wire = self.wire()
        wire.transport.has_unsent = True
        wire.feed([READY.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")])
        self.wait(wire, LINGER - 1)
        self.assertTrue(wire.is_open)
        self.wait(wire, 2)
        self.assertFalse(wire.is_open)

    def test_nor_does_a_refusal(self) -> None:
        wire = self.wire()
        wire.transport.has_unsent = True
        wire.feed([b"\x16\x03\x01\r\n"])
        self.assertIn(b"HTTP/1.1 400", wire.transport.value())
        self.wait(wire, LINGER + 1)
        self.assertFalse(wire.is_open)

    def test_pipelined_requests_wait_while_answers_are_not_read(self) -> None:
        wire = self.wire()
        wire.feed([READY])
        wire.transport.producer.pauseProducing()  # 64 KiB are unsent
        self.assertEqual(wire.transport.producerState, "paused")
        self.wait(wire, IDLE_TIMEOUT + 1)
        self.assertFalse(wire.is_open)

    def test_what_was_read_already_waits_as_well_and_goes_on_when_they_are(self) -> None:
        wire = self.wire()
        wire.transport.takes = 3  # answers
        wire.feed([READY * 10])
        self.assertEqual(wire.transport.value().count(b"HTTP/1.1 200"), 3)
        for answered in (6, 9, 10):
            wire.transport.taken()
            self.assertEqual(wire.transport.value().count(b"HTTP/1.1 200"), answered)
        wire.transport.taken()
        wire.feed([READY])
        self.assertEqual(wire.transport.value().count(b"HTTP/1.1 200"), 11)
        self.wait(wire, IDLE_TIMEOUT - 1)
        self.assertTrue(wire.is_open)
        self.wait(wire, 2)
        self.assertFalse(wire.is_open)


class BodyTests(BoundsCase):
    options = ("--max-packet", "16KiB")

    def status(self, wire: Wire) -> int:
        return int(wire.transport.value().split(b" ")[1])

    def test_a_length_that_is_no_number_of_bytes_is_a_400(self) -> None:
        for digits in (b"9" * 5000, b"9" * 19, b"1" + b"0" * 400):
            wire = self.wire(POST + b"Content-Length: " + digits + b"\r\n\r\n")
            self.assertEqual((self.status(wire), wire.is_open), (400, False))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_more_than_the_limit_is_counted_but_not_kept(self) -> None:
        chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
        wire = self.wire(POST + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 100)
        (request,) = wire.server.requests
        self.assertEqual((request.body_size, request.content.tell()), (100 * 0x4000, 0x4000))
        wire.feed([b"0\r\n\r\n"])
        self.assertEqual(self.status(wire), 413)

    def test_no_body_becomes_a_file(self) -> None:
        self.patch(tempfile, "TemporaryFile", self.fail)
        self.wire(POST + b"Content-Length: 200000\r\n\r\n", b"{}")
        login = LOGIN.replace(b"Content-Length: 12\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nc\r\n")
        self.assertEqual(self.status(self.wire(login + b"\r\n0\r\n\r\n")), 200)


class ExpectTests(BoundsCase):
    """``Expect: 100-continue``: the client waits before it sends its body."""

    def expecting(self, length: int) -> Wire:
        return self.wire(POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % length)

    def test_a_body_of_good_length_is_asked_for(self) -> None:
        wire = self.expecting(12)
        self.assertEqual(wire.transport.value(), b"HTTP/1.1 100 Continue\r\n\r\n")
        wire.feed([b'{"id":"ann"}'])
        self.assertIn(b"\r\n\r\nHTTP/1.1 200 OK\r\n", wire.transport.value())

    def test_a_body_that_is_too_long_is_refused_before_it_is_sent(self) -> None:
        wire = self.expecting(self.api.max_body + 1)
        self.assertTrue(wire.transport.value().startswith(b"HTTP/1.1 413 "))
        self.assertIn(b"\r\nConnection: close\r\n", wire.transport.value())
        self.assertFalse(wire.is_open)

    def test_one_of_unknown_length_is_asked_for(self) -> None:
        wire = self.wire(POST + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.assertEqual(wire.transport.value(), b"HTTP/1.1 100 Continue\r\n\r\n")
