"""Anything that comes from an HTTP client."""

from __future__ import annotations

import json
from collections.abc import Iterator

from hypothesis import strategies as st
from twisted.internet.address import IPv4Address

from tests.support.hostile import http_inputs, inputs
from tests.support.hostile.properties import fuzzed
from tests.support.hostile.watch import Watch
from tests.support.hostile.wire import Wire
from tests.support.pipe import GatewayTestCase

STATUSES = {200, 400, 401, 403, 404, 405, 409, 413, 421, 503}
ADDRESS = IPv4Address("TCP", "127.0.0.1", 5)
READY = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
LOGIN = b'POST /v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n\r\n{"id":"bob"}'


class HostileRequestTests(GatewayTestCase):
    """Whatever comes: refusals that are documented, and nobody else notices."""

    def setUp(self) -> None:
        super().setUp()
        self.watch = Watch(self)
        token = json.loads(self.said_to([LOGIN]).partition(b"\r\n\r\n")[2])["data"]["token"]
        self.bearer = b"Authorization: Bearer " + token.encode()

    def said_to(self, pieces: list[bytes]) -> bytes:
        """Return what a client that sends these is told until it goes."""
        wire = Wire(self.api, self.clock, ADDRESS)
        said = wire.feed(pieces)
        wire.hang_up()
        return said

    def play(self, pieces: list[bytes]) -> None:
        said = self.said_to(pieces)
        self.assertNotIn(b"Traceback", said)
        for status, media, body in answers(said):
            self.assertIn(status, STATUSES, said)
            if media == b"application/json" and body:
                found = json.loads(body)
                self.assertEqual(found.get("code", 0) or 200, status, said)
        self.assertIn(b"HTTP/1.1 200 OK", self.said_to([READY]))
        self.watch.check()
        self.assertEqual(
            [str(call) for call in self.clock.getDelayedCalls() if is_of_a_channel(call)], []
        )

    @fuzzed(50, pieces=inputs.cut_up(st.binary(max_size=300)))
    def test_bytes(self, pieces: list[bytes]) -> None:
        self.play(pieces)

    @fuzzed(
        100,
        requests=inputs.cut_up(st.lists(http_inputs.requests(), min_size=1, max_size=3).map(b"".join)),
    )
    def test_requests_of_somebody_unknown(self, requests: list[bytes]) -> None:
        self.play(requests)

    @fuzzed(200, whole=st.lists(http_inputs.requests(), min_size=1, max_size=2).map(b"".join))
    def test_requests_of_a_user(self, whole: bytes) -> None:
        self.play([whole.replace(b"Host: localhost", b"Host: localhost\r\n" + self.bearer)])


def is_of_a_channel(call: object) -> bool:
    return "Channel" in str(call)


def answers(said: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Cut what a server said into responses: status, media type, body. Each must be whole."""
    while said:
        head, end, rest = said.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        assert end and first.startswith(b"HTTP/1."), said
        fields = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}
        status, length = int(first.split(b" ")[1]), int(fields.get(b"content-length", b"0"))
        if status == 100:
            said = rest
            continue
        if status in (204, 304) or not rest or rest.startswith(b"HTTP/1."):  # an answer to HEAD
            length = 0
        assert len(rest) >= length, said
        yield (200 if status == 204 else status), fields.get(b"content-type", b""), rest[:length]
        said = rest[length:]
