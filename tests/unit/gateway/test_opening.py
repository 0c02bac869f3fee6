"""The short way in for opening handshakes beside Autobahn's: the same request has the same effect."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import txaio
from autobahn.websocket.types import ConnectionDeny
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gim.gateway import opening
from gim.gateway.admission import ConnectionAdmission
from gim.gateway.protocol import GatewayProtocol
from gim.limits.limits import LimitHits
from gim.log import logger
from gim.net.client_address import Proxies
from gim.net.origins import read as origins
from gim.wire.json import JsonCodec
from gim.wire.proto import ProtoCodec
from tests.support.both_sides import ENDS, HANDSHAKE, Wire
from tests.support.frame_streams import quick
from tests.support.frames import FIN, MASK, PING, TEXT, encode
from tests.support.gateway import make_gateway
from tests.support.settings import no_limits

_COMMON = {
    "Host": "localhost:8080",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
_TRAILER = bytes(encode(FIN | TEXT, b"{}", MASK)) + bytes(encode(FIN | PING, b"at once", MASK))

_words = st.text("aA09:,;= \t#%/[]()\"'@-_.\x00\x7f\xe9\x85\xa0", max_size=6)
_values = {
    "Host": st.sampled_from(
        [
            "example.org",
            "EXAMPLE.org:80",
            "[::1]",
            "[::1]:80",
            "a:b",
            "a:",
            ":1",
            "",
            "a:1:2",
            "a b",
            "a,b",
        ]
    ),
    "Upgrade": st.sampled_from(["WebSocket", "h2c, websocket", "h2c", "websocket,", "websocket/13"]),
    "Connection": st.sampled_from(["upgrade", "keep-alive, Upgrade", "close", "keep-alive,Upgrade", ""]),
    "Sec-WebSocket-Key": st.one_of(
        st.from_regex(r"[A-Za-z0-9+/]{22}==", fullmatch=True), st.sampled_from(["short==", "x" * 24, ""])
    ),
    "Sec-WebSocket-Version": st.sampled_from(["13", "8", "13, 8", "013", " 13 ", "x"]),
    "Sec-WebSocket-Protocol": st.sampled_from(
        [
            "gim.proto",
            "gim.json",
            "x, gim.proto",
            "gim.json,gim.proto",
            "x",
            "",
            ",",
            "gim.json, gim.json",
        ]
    ),
    "Origin": st.sampled_from(
        [
            "http://localhost",
            "https://example.org",
            "https://evil.example",
            "null",
            "x",
            "",
            "http://a, b",
        ]
    ),
    "Sec-WebSocket-Extensions": st.sampled_from(["permessage-deflate", "x; y=1", "", "=,;"]),
    "X-Forwarded-For": st.sampled_from(["192.0.2.1", "192.0.2.1, 127.0.0.1", "x", "", "2001:db8::1"]),
    "trace": st.sampled_from(["t-9", "", "with space", "x" * 200]),
    "traceparent": st.sampled_from(["00-" + "1" * 32 + "-" + "2" * 16 + "-01", "x"]),
    "User-Agent": _words,
    "X_odd": _words,
}
_line = st.sampled_from(sorted(_values)).flatmap(lambda name: st.tuples(st.just(name), _values[name]))
_lines = st.one_of(
    st.tuples(_line, st.sampled_from(["{}: {}", "{}:{}", "{}:  {} ", "{}:\t{}", "{} : {}"])).map(
        lambda drawn: drawn[1].format(*drawn[0])
    ),
    st.sampled_from(["no colon", " folded", ": no name", "a\nb: c", "Host: again", "a: b\rc"]),
)
_firsts = st.one_of(
    st.just("GET / HTTP/1.1"),
    st.builds("{} {} HTTP/{}".format, st.just("GET"), _words.map("/{}".format), st.just("1.1")),
    st.sampled_from(
        [
            "GET /ws?token=a%20b&x HTTP/1.1",
            "GET /#part HTTP/1.1",
            "GET //[host/ HTTP/1.1",
            "GET http://a/ HTTP/1.1",
            "POST / HTTP/1.1",
            "GET / HTTP/1.0",
            "GET /",
            "GET  / HTTP/1.1",
            "get / HTTP/1.1",
        ]
    ),
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Requests that are common, or differ from a common one in a few places."""
    fields = {**_COMMON, **dict(draw(st.lists(_line, max_size=2)))}
    if draw(st.integers(0, 4)) == 0:
        del fields[draw(st.sampled_from(sorted(fields)))]
    lines = [f"{name}: {value}" for name, value in draw(st.permutations(sorted(fields.items())))]
    if draw(st.integers(0, 2)) == 0:
        lines.insert(draw(st.integers(0, len(lines))), draw(_lines))
    return "\r\n".join([draw(_firsts), *lines, "", ""]).encode("latin-1")


class Recording(GatewayProtocol):
    """A connection that notes what becomes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.events.append(("message", payload, self.state))

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.events.append(("close", wasClean, code, reason))
        super().onClose(wasClean, code, reason)


class ByAutobahn(Recording):
    """One of which every request goes to Autobahn."""

    @staticmethod
    def read_common(request: bytes) -> None:
        return None


class _Wire(Wire):
    def pauseProducing(self) -> None:
        self.log.append("pause")

    def resumeProducing(self) -> None:
        self.log.append("resume")


class _Late(ConnectionAdmission):
    """Decides later, as a worker does that asks the parent, or not at all."""

    asked: Deferred[None] | None = None
    is_late = True
    error: Exception | None = None

    def identify(self, client: Any, forwarded: str) -> Any:
        if self.error is not None and not self.is_late:
            raise self.error
        super().identify(client, forwarded)
        if self.is_late:
            self.asked = Deferred()
        return self.asked

    def decide(self) -> None:
        """Answer what was asked, if anything was."""
        if self.asked is not None:
            self.asked.callback(None) if self.error is None else self.asked.errback(self.error)


_ERRORS = st.sampled_from([None, ConnectionDeny(429, "too many"), ZeroDivisionError("a fault")])


class OpeningTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.patch(txaio.config, "loop", self.clock)  # type: ignore[attr-defined]  # that of Autobahn's timers
        self.patch(logger, "new_trace", lambda: "new")
        self.patch(GatewayProtocol, "_log_end", lambda *args: None)

    def play(
        self,
        kind: type[Recording],
        pieces: list[bytes],
        is_late: bool,
        error: Exception | None,
        hosts: str,
    ) -> list[Any]:
        """Return all that comes of *pieces*, each a read."""
        factory = make_gateway(
            JsonCodec(),
            self.clock,
            origins=origins("same-host,https://example.org"),
            hosts=origins(hosts) if hosts else None,
        )
        factory.codecs[ProtoCodec.name] = ProtoCodec()
        proxies = Proxies((ip_network("127.0.0.0/8"),))
        limits, hits = no_limits(), LimitHits(is_enforced=True)
        admission = _Late(limits, hits, proxies, lambda: "", lambda: False, speaks_proxy=False)
        admission.is_late, admission.error = is_late, error
        factory.admission, factory.protocol = admission, kind
        statuses: list[int] = []
        protocol = factory.buildProtocol(None)
        protocol.answered = statuses.append
        protocol.makeConnection(_Wire(protocol.events))
        for piece in pieces:
            protocol.dataReceived(piece)
            protocol.events.append(("state", protocol.state))
        admission.decide()
        if not protocol.transport.is_aborted:
            protocol.dataReceived(_TRAILER)
        kept = [protocol.data] if protocol.state != protocol.STATE_CLOSED else []
        self.clock.advance(protocol.closeHandshakeTimeout + 1)
        ends = [(name, getattr(protocol, name)) for name in ENDS]
        seen = protocol.trace, protocol.codec.name, protocol.peer, protocol.address_group, protocol.due_at
        protocol.connectionLost(Failure(ConnectionDone()))
        counted = dict(factory.closes), dict(hits.counts), len(factory.connections)
        return [*protocol.events, *kept, *ends, *seen, statuses, counted]

    def assertSame(
        self,
        request: bytes,
        at: int = 0,
        is_late: bool = False,
        error: Exception | None = None,
        hosts: str = "",
    ) -> list[Any]:
        pieces = [piece for piece in (request[:at], request[at:]) if piece]
        ours = self.play(Recording, pieces, is_late, error, hosts)
        self.assertEqual(ours, self.play(ByAutobahn, pieces, is_late, error, hosts))
        return ours

    @quick
    @given(requests(), st.booleans(), st.sampled_from(["", "", "https://example.org"]))
    def test_any_request(self, request: bytes, is_late: bool, hosts: str) -> None:
        self.assertSame(request, is_late=is_late, hosts=hosts)

    @quick
    @given(requests(), st.integers(0, 300), st.binary(max_size=20), st.booleans(), _ERRORS)
    def test_any_request_in_two_reads_with_something_behind_it(
        self, request: bytes, at: int, rest: bytes, is_late: bool, error: Exception | None
    ) -> None:
        self.assertSame(request + _TRAILER + rest, at, is_late, error)

    def test_what_clients_send_takes_the_short_way(self) -> None:
        browser = {
            **_COMMON,
            "Connection": "keep-alive, Upgrade",
            "Origin": "http://localhost:8080",
            "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
            "Sec-WebSocket-Protocol": "gim.proto, gim.json",
            "Cookie": "a=b; c=d",
            "X-Forwarded-For": "192.0.2.7",
        }
        for fields in (_COMMON, browser):
            lines = [f"{name}: {value}" for name, value in fields.items()]
            request = "\r\n".join(["GET /ws?x=1 HTTP/1.1", *lines, "", ""]).encode()
            self.assertIsNotNone(opening.read(request))
            self.assertIn("101 Switching Protocols", str(self.assertSame(request)))
        self.assertIsNotNone(opening.read(HANDSHAKE))

    def test_what_is_not_common_does_not(self) -> None:
        for old, new in (
            (b"GET /ws", b"GET /ws#part"),
            (b"GET /ws", b"GET //[ws"),
            (b"GET", b"POST"),
            (b"1.1", b"1.0"),
            (b"Host", b"Nost"),
            (b"Host: ", b"Host: a, "),
            (b"Upgrade: websocket", b"Upgrade: websocket, h2c"),
            (b"13\r\n", b"8\r\n"),
            (b"==\r\n", b"=\r\n"),
            (b"trace: t-1", b"trace: t\t1"),
            (b"trace: t-1", b"trace: t\xe9"),
            (b"trace: t-1", b"trace: t-1\r\nTrace: t-2"),
            (b"trace: t-1", b"trace : t-1"),
        ):
            self.assertIn(old, HANDSHAKE)
            request = HANDSHAKE.replace(old, new)
            self.assertIsNone(opening.read(request), request)
            self.assertSame(request)

    def test_a_long_request_is_read_in_linear_time(self) -> None:
        self.assertIsNotNone(opening.read(HANDSHAKE[:-2] + b"a:" + b" " * 16_000 + b"x\r\n\r\n"))
        self.assertIsNone(opening.read(HANDSHAKE[:-2] + b"a:  \r\n" * 2000 + b"\x00\r\n\r\n"))
