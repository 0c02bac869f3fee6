"""Headers of the PROXY protocol: in any segments, of any kind, with any address or none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from gim.net.endpoints import make_endpoint
from gim.net.proxy_protocol import BadHeader, ProxiedFactory, header_length, parse

SOCKET = IPv4Address("TCP", "10.0.0.1", 9)
REST = b"GET / HTTP/1.1\r\n\r\n"

_V2 = b"\r\n\r\n\0\r\nQUIT\n"
_ADDRESSES = bytes([192, 0, 2, 7, 192, 0, 2, 8, 0, 1, 0, 2])
LOCAL = _V2 + b"\x20\x00\x00\x00"
SOURCES = {  # a header, and the host of the peer that the connection has from then on
    b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n": "192.0.2.7",
    b"PROXY TCP6 2001:db8::7 2001:db8::8 1 2\r\n": "2001:db8::7",
    b"PROXY UNKNOWN\r\n": "10.0.0.1",
    b"PROXY UNKNOWN 2001:db8::7 2001:db8::8 1 2\r\n": "10.0.0.1",
    b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n": "10.0.0.1",
    LOCAL: "10.0.0.1",
    _V2 + b"\x20\x11\x00\x0c" + bytes(12): "10.0.0.1",
    _V2 + b"\x21\x00\x00\x03abc": "10.0.0.1",
    _V2 + b"\x21\x11\x00\x0c" + _ADDRESSES: "192.0.2.7",
    _V2
    + b"\x21\x11\x00\x0f"
    + bytes([192, 0, 2, 7, 192, 0, 2, 8, 0, 1, 0, 2])
    + b"\x04\0\0": "192.0.2.7",
}
BAD = (
    REST,
    b"PROXX",
    b"PROXY\r\n",
    b"PROXY TCP9 a b c d\r\n",
    b"PROXY TCP4 192.0.2.7\r\n",
    b"PROXY TCP4 a b 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.8 x y\r\n",
    b"PROXY TCP4 \xff\xff\xff \xff 1 2\r\n",
    b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    b"x" * 200,
    _V2 + b"\x31\x11\x00\x0c" + bytes(12),
    _V2 + b"\x2f\x11\x00\x0c" + bytes(12),
    _V2 + b"\x21\x11\x00\x02ab",
    _V2 + b"\x21\x13\x00\x0c" + bytes(12),
    _V2 + b"\x21\xf1\x00\x0c" + bytes(12),
)


class Recording(Protocol):
    transport: Any
    received = b""

    def dataReceived(self, data: bytes) -> None:
        self.received += data


class ProxyProtocolTests(SynchronousTestCase):
    def connect(self, segments: Iterable[bytes]) -> tuple[Recording, StringTransport]:
        factory = ProxiedFactory(Factory.forProtocol(Recording))
        transport = StringTransport(peerAddress=SOCKET)
        protocol: Any = factory.buildProtocol(SOCKET)
        protocol.makeConnection(transport)
        for segment in segments:
            protocol.dataReceived(segment)
        return protocol.wrappedProtocol, transport

    def test_headers_of_all_kinds_in_segments_of_any_size(self) -> None:
        for header, host in SOURCES.items():
            data = header + REST
            for size in (1, 2, 5, 7, 8, 13, 15, 16, len(header), len(data)):
                segments = [data[at : at + size] for at in range(0, len(data), size)]
                application, transport = self.connect(segments)
                self.assertEqual(application.received, REST, (header, size))
                self.assertEqual(application.transport.getPeer().host, host, header)
                self.assertFalse(transport.disconnecting)

    def test_anything_else_is_dropped(self) -> None:
        for data in BAD:
            for size in (1, 5, len(data)):
                segments = [data[at : at + size] for at in range(0, len(data), size)]
                application, transport = self.connect(segments)
                self.assertTrue(transport.disconnecting, data)
                self.assertEqual(application.received, b"", data)

    def test_a_header_that_is_cut_short_waits(self) -> None:
        for header in SOURCES:
            for end in range(1, len(header)):
                _, transport = self.connect([header[:end]])
                self.assertFalse(transport.disconnecting, header[:end])

    @given(st.binary(min_size=1, max_size=40), st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", _V2]))
    def test_any_bytes_are_a_header_the_start_of_one_or_refused(self, data: bytes, start: bytes) -> None:
        try:
            end = header_length(start + data)
            if end:
                parse((start + data)[:end])
        except BadHeader:
            pass

    def test_the_endpoints_of_haproxy_use_it(self) -> None:
        endpoint = make_endpoint("haproxy:tcp:8080", reactor)
        self.assertIs(endpoint._wrapperFactory, ProxiedFactory)  # type: ignore[attr-defined]
