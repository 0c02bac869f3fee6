"""Streams of events on the real site, from their first byte to their end."""

from __future__ import annotations

import json
import os
from typing import Any

from msgspec import Struct
from twisted.internet.address import IPv4Address
from twisted.web.iweb import IRequest

from gim.api.openapi.describe import EVENTS, Access, describe
from gim.api.server.app import App
from gim.api.server.event_stream import (
    ACCESS_CHECK,
    HEARTBEAT,
    MAX_STREAMS,
    MAX_UNSENT,
    STALL_TIMEOUT,
    EventStream,
)
from gim.api.server.root import ApiRoot
from gim.console.session import LIFETIME, SessionEnded
from gim.limits.limits import LimitHits
from gim.log.logger import Logger
from tests.support.hostile.wire import Wire
from tests.support.pipe import GatewayTestCase

KEY = "a-key-for-these-tests"
ADDRESS = IPv4Address("TCP", "127.0.0.1", 5)
ASK = f"GET /v1/news HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\n\r\n".encode()
READY = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"


class News(Struct):
    title: str


class NewsRoutes:
    """A stream that a test writes to."""

    app = App()

    def __init__(self) -> None:
        self.streams: list[EventStream] = []
        self.ended = 0

    @app.route("/v1/news", methods=["GET"])
    @describe("News.", "health", access=Access.ADMIN, media=(EVENTS,))
    async def news(self, request: IRequest) -> EventStream:
        stream = EventStream(request)
        stream.on_end(self._count_end)
        self.streams.append(stream)
        return stream

    def _count_end(self) -> None:
        self.ended += 1


class StreamCase(GatewayTestCase):
    options = ("--metrics=false",)  # which know the names of real routes only

    def setUp(self) -> None:
        self.patch(os, "environ", os.environ | {"GIM_ADMIN_KEY": KEY})
        super().setUp()
        self.routes = NewsRoutes()
        self.api.resource = ApiRoot([self.routes], self.api.access, LimitHits(True))
        self.lines: list[dict[str, Any]] = []
        self.patch(Logger, "info", lambda _, line, **fields: self.lines.append(fields))

    def open(self, asking: bytes = ASK) -> tuple[Wire, EventStream]:
        wire = Wire(self.api, self.clock, ADDRESS)
        wire.feed([asking])
        return wire, self.routes.streams[-1]

    def taken(self, wire: Wire) -> bytes:
        """Return what was written since the last call."""
        value = wire.transport.value()
        wire.transport.clear()
        return value

    def requests(self) -> list[str]:
        return [line["path"] for line in self.lines if "path" in line]


class EventTests(StreamCase):
    def test_it_begins_with_its_headers_and_the_pause_before_a_new_try(self) -> None:
        wire, _ = self.open()
        head, _, body = self.taken(wire).partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200 OK\r\n"), head)
        for header in (
            b"Content-Type: text/event-stream",
            b"Cache-Control: no-store",
            b"X-Accel-Buffering: no",
            b"Transfer-Encoding: chunked",
        ):
            self.assertIn(header.lower(), head.lower())
        self.assertEqual(body, b"d\r\nretry: 2000\n\n\r\n")

    def test_an_event_is_its_name_and_json_on_one_line(self) -> None:
        wire, stream = self.open()
        self.taken(wire)
        self.assertTrue(stream.send("news", News("two\nlines")))
        self.assertTrue(stream.send("raw", b"[1]"))
        first, second = b'event: news\ndata: {"title":"two\\nlines"}\n\n', b"event: raw\ndata: [1]\n\n"
        self.assertEqual(
            self.taken(wire),
            b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in (first, second)),
        )

    def test_it_needs_what_its_route_needs(self) -> None:
        wire = Wire(self.api, self.clock, ADDRESS)
        wire.feed([ASK.replace(b"X-API-Key", b"X-Other")])
        self.assertTrue(wire.transport.value().startswith(b"HTTP/1.1 401 "))
        self.assertEqual(self.routes.streams, [])


class TimeTests(StreamCase):
    def test_a_comment_is_sent_when_nothing_else_was(self) -> None:
        wire, stream = self.open()
        self.taken(wire)
        self.clock.advance(HEARTBEAT - 1)
        stream.send("news", b"{}")
        self.taken(wire)
        self.clock.advance(HEARTBEAT - 1)
        self.assertEqual(self.taken(wire), b"")
        self.clock.advance(1)
        self.assertEqual(self.taken(wire), b"3\r\n:\n\n\r\n")

    def test_it_goes_on_for_hours(self) -> None:
        wire, stream = self.open()
        for _ in range(4 * 3600 // 10):
            self.clock.advance(10)
            wire.turn()
        self.assertTrue(wire.is_open)
        self.assertTrue(stream.send("news", b"{}"))

    def test_a_client_that_reads_nothing_for_long_is_dropped(self) -> None:
        wire, _ = self.open()
        wire.transport.producer.pauseProducing()
        self.clock.advance(STALL_TIMEOUT - 1)
        wire.transport.producer.resumeProducing()
        wire.transport.producer.pauseProducing()
        self.clock.advance(STALL_TIMEOUT - 1)
        wire.turn()
        self.assertTrue(wire.is_open)
        self.clock.advance(1)
        wire.turn()
        self.assertFalse(wire.is_open)
        self.assertEqual(self.routes.ended, 1)


class SlowTests(StreamCase):
    def test_what_waits_for_a_slow_client_is_bounded(self) -> None:
        wire, stream = self.open()
        wire.transport.producer.pauseProducing()  # 64 KiB wait
        event = json.dumps("x" * 8000).encode()
        sent = 0
        while stream.send("news", event):
            sent += len(event)
        self.assertLess(64 * 1024 + sent, MAX_UNSENT + 2 * len(event))
        self.assertGreater(64 * 1024 + sent, MAX_UNSENT - 2 * len(event))
        wire.transport.producer.resumeProducing()
        self.assertTrue(stream.send("news", event))


class EndTests(StreamCase):
    def test_the_server_ends_it_and_the_connection_takes_another_request(self) -> None:
        wire, stream = self.open()
        self.taken(wire)
        stream.end()
        stream.end()
        self.assertEqual(self.taken(wire), b"0\r\n\r\n")
        self.assertEqual((self.routes.ended, self.requests()), (1, ["/v1/news"]))
        self.assertFalse(stream.send("news", b"{}"))
        self.assertEqual(wire.feed([READY]).split(b" ")[1], b"404")

    def test_the_client_hangs_up(self) -> None:
        wire, stream = self.open()
        wire.hang_up()
        self.assertEqual((self.routes.ended, self.requests()), (1, ["/v1/news"]))
        self.assertFalse(stream.send("news", b"{}"))
        stream.end()
        del stream
        self.routes.streams.clear()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual([call for call in self.clock.getDelayedCalls() if "_beat" in str(call)], [])

    def test_what_is_to_happen_at_the_end_happens_at_once_after_it(self) -> None:
        _, stream = self.open()
        stream.end()
        called: list[bool] = []
        stream.on_end(lambda: called.append(True))
        self.assertEqual(called, [True])

    def test_head_gets_the_headers_only(self) -> None:
        wire, stream = self.open(ASK.replace(b"GET", b"HEAD"))
        self.assertTrue(wire.transport.value().endswith(b"\r\n\r\n"))
        self.assertFalse(stream.send("news", b"{}"))
        self.assertEqual(self.requests(), ["/v1/news"])

    def test_it_ends_when_the_daemon_stops(self) -> None:
        wire, _ = self.open()
        self.stop()
        self.assertTrue(wire.transport.value().endswith(b"0\r\n\r\n"))
        self.assertEqual(self.routes.ended, 1)

    def test_none_begins_after_that(self) -> None:
        wire = Wire(self.api, self.clock, ADDRESS)
        self.stop()
        wire.feed([ASK])
        self.assertTrue(wire.transport.value().startswith(b"HTTP/1.1 503 "))
        self.assertEqual(self.routes.streams, [])

    def test_there_is_a_limit_to_how_many_are_open(self) -> None:
        opened = [self.open()[1] for _ in range(MAX_STREAMS)]
        wire = Wire(self.api, self.clock, ADDRESS)
        wire.feed([ASK])
        self.assertTrue(wire.transport.value().startswith(b"HTTP/1.1 429 "))
        opened[0].end()
        self.open()
        self.assertEqual(len(self.routes.streams), MAX_STREAMS + 1)


class AccessTests(StreamCase):
    """A stream goes on as long as its client is the administrator."""

    def setUp(self) -> None:
        super().setUp()
        self.sessions: Any = self.api.access._sessions
        self.session = self.sessions.begin()
        cookie = self.sessions.cookie_of(self.session)
        self.browse = ASK.replace(
            b"X-API-Key: " + KEY.encode(),
            b"X-Gim-Console: 1\r\nCookie: gim_console=" + cookie.encode(),
        )

    def test_the_key_was_changed(self) -> None:
        self.open(), self.open(self.browse)
        self.api.access.use_admin_key(b"another-key-for-these-tests")
        self.assertEqual(self.routes.ended, 0)
        self.clock.advance(ACCESS_CHECK)
        self.assertEqual(self.routes.ended, 2)

    def test_the_administrator_has_logged_out(self) -> None:
        self.open(self.browse)
        self.clock.advance(ACCESS_CHECK)
        self.sessions.end(SessionEnded(self.session.id, self.session.ends_at))
        self.clock.advance(ACCESS_CHECK)
        self.assertEqual(self.routes.ended, 1)

    def test_a_session_is_in_use_while_its_stream_goes_on(self) -> None:
        wire, _ = self.open(self.browse)
        self.clock.pump([LIFETIME / 4] * 3)
        self.assertEqual(self.routes.ended, 0)
        self.clock.pump([LIFETIME / 4])
        self.assertEqual(self.routes.ended, 1)
        self.assertTrue(wire.transport.value().endswith(b"0\r\n\r\n"))
