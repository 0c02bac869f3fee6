"""Opening handshakes: what RFC 6455 lets a client send, and the status of what it does not."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase

from gim.gateway import handshake
from tests.support.pipe import GatewayTestCase

GOOD = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


class Raw(Protocol):
    """Sends a request and keeps the answer."""

    transport: Any
    received = b""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def connectionMade(self) -> None:
        self.transport.write("\r\n".join([*self.lines, "", ""]).encode("latin-1"))

    def dataReceived(self, data: bytes) -> None:
        self.received += data


class HandshakeTests(GatewayTestCase):
    def shake(self, *more: str, request: str = "GET / HTTP/1.1", **changed: str | None) -> list[str]:
        """Return the lines of the answer to a good handshake with *more* lines and *changed* headers."""
        headers = {**GOOD, **{name.replace("_", "-"): value for name, value in changed.items()}}
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        client = Raw([request, *lines, *more])
        self.attach(client)
        head, _, rest = client.received.decode("latin-1").partition("\r\n\r\n")
        self.assertEqual(rest, "")
        return head.split("\r\n")

    def assertStatus(self, status: int, *more: str, **changed: str | None) -> list[str]:
        lines = self.shake(*more, **changed)  # type: ignore[arg-type]  # request is a str
        self.assertEqual(int(lines[0].split()[1]), status, (more, changed, lines))
        return lines

    def test_extensions_may_be_offered_in_any_number_of_lines_and_none_is_accepted(self) -> None:
        name = "Sec-WebSocket-Extensions"
        for offers in (
            ["permessage-deflate; client_max_window_bits"],
            ["permessage-deflate", "x-webkit-deflate-frame"],
            ["permessage-deflate; server_max_window_bits=99", "permessage-deflate"],
            ["permessage-deflate; odd=1; odd=2"],
            ['x; y="a;b,c"', ""],
        ):
            lines = self.assertStatus(101, *(f"{name}: {offer}" for offer in offers))
            self.assertFalse([line for line in lines if line.startswith(name)])

    def test_a_subprotocol_may_be_offered_twice(self) -> None:
        for offers in (
            ["gim.json, gim.json"],
            ["x, gim.json", "gim.json"],
            ["gim.json,", ", gim.proto"],
        ):
            lines = self.assertStatus(101, *(f"Sec-WebSocket-Protocol: {offer}" for offer in offers))
            self.assertIn("Sec-WebSocket-Protocol: gim.json", lines)

    def test_another_version_is_a_426_that_names_the_right_one(self) -> None:
        for version in "8", "7", "0", "14", "x", "13, 8", None:
            lines = self.assertStatus(426, Sec_WebSocket_Version=version)
            self.assertIn("Sec-WebSocket-Version: 13", lines)
            self.assertIn("Upgrade: websocket", lines)

    def test_a_request_without_upgrade_is_a_426_too(self) -> None:
        lines = self.assertStatus(426, Upgrade=None, Connection=None)
        self.assertIn("Upgrade: websocket", lines)

    def test_another_method_is_a_405_that_names_the_right_one(self) -> None:
        self.assertIn("Allow: GET", self.assertStatus(405, request="POST / HTTP/1.1"))

    def test_an_origin_that_is_none_is_a_403_like_any_that_is_not_allowed(self) -> None:
        for origin in "", "x", "http://", "http://[", "http://localhost:x", "\xff":
            self.assertStatus(403, Origin=origin)
        self.assertStatus(400, "Origin: http://localhost", "Origin: http://localhost")

    def test_a_dot_at_the_end_of_host_and_origin_is_the_root_of_dns(self) -> None:
        for origin in "http://localhost", "http://localhost.":
            for host in "localhost", "localhost.", "localhost.:8080":
                self.assertStatus(101, Origin=origin, Host=host)

    def test_the_host_is_required_once(self) -> None:
        self.assertStatus(400, Host=None)
        self.assertStatus(400, "Host: localhost")

    def test_headers_that_do_not_matter_may_hold_anything(self) -> None:
        self.assertStatus(
            101, "X: \x85Host: evil", "Y", ": z", "Z:\x0bHost: evil", request="GET /Ã\x85 HTTP/1.1"
        )

    def test_it_may_come_in_pieces_with_the_first_packet_behind_it(self) -> None:
        text = "\r\n".join(["GET / HTTP/1.1", *(f"{n}: {v}" for n, v in GOOD.items()), "", ""])
        client = Raw([])
        client.connectionMade = lambda: None
        self.attach(client)
        for at in range(0, len(text), 7):
            client.transport.write(text[at : at + 7].encode())
            self.pump()
        self.assertTrue(client.received.startswith(b"HTTP/1.1 101 "))

    def test_the_headers_are_not_kept(self) -> None:
        connection = self.connect()
        self.assertTrue(connection.is_open)
        for server in self.gateway.connections:
            self.assertEqual(server._headers, {})


class ReadTests(SynchronousTestCase):
    @given(st.binary())
    def test_any_bytes_are_read(self, data: bytes) -> None:
        found = handshake.read(data + handshake.END)
        self.assertTrue(found.request.endswith(handshake.END))
        self.assertTrue(found.request.isascii())

    def test_only_what_autobahn_checks_is_passed_on(self) -> None:
        request = (
            b"GET / HTTP/1.1\r\nHost: a\r\nOrigin:\r\nX-Forwarded-For: 1\r\nX-Forwarded-For: 2\r\n\r\n"
        )
        found = handshake.read(request)
        self.assertEqual(found.request, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(found.headers, {"host": "a", "origin": "", "x-forwarded-for": "1, 2"})
