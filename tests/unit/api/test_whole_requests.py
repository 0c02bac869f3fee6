"""Requests that arrive in one piece, which are read at once, are served as those that Twisted reads."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import HTTPChannel

from gim.api.server.whole_requests import MAX_FIELDS, MAX_HEAD, read_whole
from tests.unit.api.test_bounds import BoundsCase

LOGIN = b'{"id":"ann"}'
POST = b"POST /v1/login HTTP/1.1\r\nHost: localhost\r\n"
LENGTH = b"Content-Length: 12\r\n\r\n"

COMMON = (
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n\r\n",  # without a host it is refused
    b"HEAD /healthz?a=b&a=c HTTP/1.1\r\nhost:localhost\r\nConnection: Keep-Alive\r\n\r\n",
    b"GET /v1/users/%61nn?token= HTTP/1.1\r\nHost: localhost\r\nX:\r\nX: \t y \r\n\r\n",
    b"GET /nowhere?%ff HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n",
    b"PUT /healthz HTTP/1.1\r\nHost: localhost\r\ncontent-length: 0\r\n\r\n",
    POST + b"Cookie: a=b; c=d\r\n" + LENGTH + LOGIN,
    POST + b"Content-Length: 00012\r\n\r\n" + LOGIN,
)
UNCOMMON = (
    b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n",
    b"GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /a\xa0b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    POST + b"Connection: close\r\n" + LENGTH + LOGIN,
    POST + b"Expect: 100-continue\r\n" + LENGTH + LOGIN,
    POST + b"X: folded\r\n line\r\n" + LENGTH + LOGIN,
    POST + b"Transfer-Encoding: chunked\r\n\r\nc\r\n" + LOGIN + b"\r\n0\r\n\r\n",
    POST + b"Content-Length: 12\r\n" + LENGTH + LOGIN,
    POST + b"Content-Length: +12\r\n\r\n" + LOGIN,
    POST + b"Content-Length: 12, 12\r\n\r\n" + LOGIN,
    POST + b"X : y\r\n" + LENGTH + LOGIN,
    POST + b"X: a\x00b\r\n" + LENGTH + LOGIN,
    POST + b"X: a\nY: b\r\n" + LENGTH + LOGIN,
    POST + b"X: y\r\n" * MAX_FIELDS + LENGTH + LOGIN,
    POST + b"X: " + b"y" * MAX_HEAD + b"\r\n" + LENGTH + LOGIN,
    POST + LENGTH + LOGIN + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    POST + LENGTH + LOGIN[:-1],
    POST + LENGTH,
    POST,
    b"",
)


class ReadingTests(SynchronousTestCase):
    def test_a_common_request_is_read(self) -> None:
        request = read_whole(POST + b"x-a:  b \r\nX-A: c\r\n" + LENGTH + LOGIN)
        assert request is not None
        self.assertEqual((request.method, request.uri, request.body), (b"POST", b"/v1/login", LOGIN))
        self.assertEqual(request.headers.getRawHeaders(b"X-a"), [b"b", b"c"])
        for data in COMMON:
            self.assertIsNotNone(read_whole(data), data)

    def test_the_others_are_left_to_twisted(self) -> None:
        for data in UNCOMMON:
            self.assertIsNone(read_whole(data), data)


class ServingTests(BoundsCase):
    def answer(self, *pieces: bytes) -> tuple[bytes, bool]:
        """Return the answer without what time and chance put there, and whether the connection is open
        then."""
        wire = self.wire(*pieces)
        answered = re.sub(rb'\r\n(Date|Trace): [^\r]*|"token":"[^"]*"', b"", wire.transport.value())
        was_open = wire.is_open
        wire.hang_up()
        return answered, was_open

    def test_the_answer_is_that_of_the_request_in_two_pieces(self) -> None:
        for data in COMMON + UNCOMMON:
            self.assertEqual(self.answer(data), self.answer(data[:5], data[5:]), data)

    def test_nothing_is_left_to_twisted_where_that_need_not_be(self) -> None:
        self.patch(HTTPChannel, "lineReceived", self.fail)
        for data in COMMON:
            self.assertTrue(self.answer(data, data)[0].startswith(b"HTTP/1.1 "))

    @given(st.sampled_from(COMMON + UNCOMMON), st.integers(0, 80), st.sampled_from([b"", b"\r\n", b" "]))
    def test_so_it_is_of_one_that_is_broken_somewhere(self, data: bytes, at: int, put: bytes) -> None:
        broken = data[:at] + put + data[at + 1 :]
        self.assertEqual(self.answer(broken), self.answer(broken[:3], broken[3:]))
