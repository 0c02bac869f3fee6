"""Handshakes of browsers, which say what page they come from."""

from __future__ import annotations

import os

from autobahn.twisted.websocket import WebSocketClientProtocol
from twisted.internet.protocol import Protocol

from tests.support.pipe import GatewayTestCase


class Raw(Protocol):
    """Sends a handshake and keeps the answer."""

    received = b""

    def __init__(self, *headers: str) -> None:
        self.headers = headers

    def connectionMade(self) -> None:
        lines = ["GET / HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade", *self.headers]
        lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "", ""]
        self.transport.write("\r\n".join(lines).encode("latin-1"))  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.received += data


class OriginTestCase(GatewayTestCase):
    host = "chat.example.com:8080"

    def status(self, *headers: str, host: str | None = None) -> int:
        """Return the status of a handshake; one that is refused ends the connection."""
        client = Raw(f"Host: {self.host if host is None else host}", *headers)
        before = len(self.gateway.connections)
        self.attach(client)
        status = int(client.received.split()[1])
        self.assertEqual(len(self.gateway.connections) - before, status == 101)
        return status

    def statuses(self, *origins: str) -> list[int]:
        return [self.status(f"Origin: {origin}") for origin in origins]


class SameHostTests(OriginTestCase):
    def setUp(self) -> None:
        self.patch(os, "environ", {**os.environ, "GIM_AUTH_KEY": "0123456789" * 4})  # for any host
        super().setUp()

    def test_without_an_origin_it_is_no_browser(self) -> None:
        self.assertEqual(self.status(), 101)
        self.assertIsInstance(self.connect(), WebSocketClientProtocol)

    def test_a_page_of_the_same_host_is_let_in_whatever_the_ports_are(self) -> None:
        good = "http://chat.example.com", "https://chat.example.com:3000", "HTTPS://CHAT.example.com"
        self.assertEqual(self.statuses(*good), [101] * 3)
        self.assertEqual(self.status("Origin: http://[::1]:3000", host="[::1]:8080"), 101)
        self.assertEqual(self.status("Origin: http://[0:0::1]", host="[::1]"), 101)

    def test_any_other_page_is_a_403(self) -> None:
        bad = "http://evil.example", "http://example.com", "http://chat.example.com.evil.example"
        more = "null", "file://", "http://[::1]", "http://chat.example.com/", "http://a@chat.example.com"
        self.assertEqual(self.statuses(*bad, *more), [403] * 8)

    def test_what_is_no_origin_at_all_is_refused_too(self) -> None:
        for origin in "", "x", "http://", "http://[", "http://chat.example.com:x", "\xff":
            self.assertIn(self.status(f"Origin: {origin}"), (400, 403), origin)
        twice = ["Origin: http://chat.example.com"] * 2
        self.assertEqual(self.status(*twice), 400)

    def test_the_older_header_does_not_count(self) -> None:
        self.assertEqual(self.status("Sec-WebSocket-Origin: http://evil.example"), 101)
        headers = "Sec-WebSocket-Origin: http://chat.example.com", "Origin: http://evil.example"
        self.assertEqual(self.status(*headers), 403)

    def test_what_a_proxy_says_of_the_host_does_not_count(self) -> None:
        headers = "X-Forwarded-Host: evil.example", "Forwarded: host=evil.example"
        self.assertEqual(self.status(*headers, "Origin: http://evil.example"), 403)


class ListedTests(OriginTestCase):
    options = ("--allowed-origins", "https://*.example.org, http://localhost:3000,null")
    host = "localhost:8080"

    def test_the_list_decides(self) -> None:
        good = "https://a.example.org", "https://a.b.example.org:443", "http://localhost:3000", "null"
        bad = "https://example.org", "http://a.example.org", "http://localhost", "http://chat.example.com"
        self.assertEqual(self.statuses(*good, *bad), [101] * 4 + [403] * 4)


class EverythingTests(OriginTestCase):
    options = ("--allowed-origins", "*")

    def test_every_page_but_one_without_an_origin(self) -> None:
        self.assertEqual(self.statuses("http://any.example", "app://x", "null"), [101, 101, 403])
