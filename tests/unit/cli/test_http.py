"""Which server is asked, and what comes of servers that do not answer as gim does."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from gim.cli.failures import Misuse
from gim.cli.http import Server, route
from tests.support.command import STATISTICS, CommandTestCase, response


class AddressTests(CommandTestCase):
    def answer(self, request: bytes) -> bytes:
        return response(STATISTICS)

    def test_the_url_is_that_of_the_option_or_the_variable_or_this_machine(self) -> None:
        self.said("stats")
        self.environment["GIM_URL"] = "http://two:2/"
        self.said("stats")
        self.said("stats", "--url", "http://[::1]:3/below/")
        self.assertEqual(self.connected, [("127.0.0.1", 8081), ("two", 2), ("::1", 3)])
        self.assertEqual(self.requests[2].split()[1], b"/below/v1/admin/statistics")

    def test_what_is_not_a_url_of_http_is_a_2(self) -> None:
        for url in (
            "h",
            "h:80",
            "ftp://h",
            "http://",
            "http://h:x",
            "http://h?x",
            "http://u:p@h",
            "http://[::",
            "http://a..b",
            f"http://{'a' * 64}.example",
        ):
            self.assertIn("is not a valid URL" if "@" not in url else "leave it out", self.misused(url))
        self.assertEqual(self.connected, [])

    def misused(self, url: str) -> str:
        return self.refused("stats", "--url", url, status=2)

    def test_a_path_may_have_any_characters(self) -> None:
        self.said("stats", "--url", "http://h/ä b%20c")
        self.assertEqual(self.requests[0].split()[1], b"/%C3%A4%20b%20c/v1/admin/statistics")

    def test_https_is_spoken_too(self) -> None:
        server = Server("https://h", 1)
        self.assertEqual(type(server._connection).__name__, "HTTPSConnection")
        self.assertRaises(Misuse, Server, "gopher://h", 1)

    def test_parts_of_a_path_are_encoded(self) -> None:
        self.assertEqual(route("a/b", "ö", "?", "2:a:b"), "/a%2Fb/%C3%B6/%3F/2%3Aa%3Ab")


class FaultTests(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fault: Exception | None = None
        self.body = b""

    def open_socket(self, address: tuple[str, int], timeout: float, source: Any = None) -> Any:
        if self.fault is not None:
            raise self.fault
        return super().open_socket(address, timeout, source)

    def answer(self, request: bytes) -> bytes:
        return self.body

    def test_a_server_that_can_not_be_reached_is_a_3(self) -> None:
        bad = ssl.SSLCertVerificationError(1, "x")
        bad.verify_message = "self-signed certificate"
        for fault, reason in (
            (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
            (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
            (bad, "its certificate is not valid: self-signed certificate"),
        ):
            self.fault = fault
            self.assertEqual(
                self.refused("stats", status=3), f"gim: http://127.0.0.1:8081 can't be reached: {reason}"
            )

    def test_a_server_that_is_late_is_a_4(self) -> None:
        self.fault = TimeoutError("timed out")
        self.assertEqual(
            self.refused("stats", "--timeout", "500ms", status=4),
            "gim: http://127.0.0.1:8081 did not answer in 0.5 s",
        )

    def test_what_is_not_gim_is_a_3(self) -> None:
        for body in (
            b"",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            response("<html>", 502),
            response("[]"),
            response('"x"'),
            response('{"code":0}'),
            response('{"code":0,"msg":"","data":{}}'),
            response('{"code":0,"msg":"","data":null}'),
            response('{"code":"\\u001b[31m","msg":"","data":null}'),
            b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{",
        ):
            self.body = body
            self.assertIn("http://127.0.0.1:8081", self.refused("stats", status=3))

    def test_an_error_of_the_server_is_a_1(self) -> None:
        self.body = response('{"code":503,"msg":"busy","data":null}', 503)
        self.assertEqual(self.refused("stats"), "gim: 503, busy")


class ConnectionTests(CommandTestCase):
    """A server that closes connections which are idle."""

    def setUp(self) -> None:
        super().setUp()
        self.bodies = list[bytes]()
        self.patch(socket, "create_connection", self.open_socket)

    def answer(self, request: bytes) -> bytes:
        return self.bodies.pop(0)

    def test_one_connection_serves_all_requests(self) -> None:
        self.bodies = [response(STATISTICS)] * 2
        server = Server("http://h:1", 1)
        server.ask("GET", "/a")
        server.ask("POST", "/b", {})
        self.assertEqual(self.connected, [("h", 1)])

    def test_a_request_that_only_reads_is_repeated_on_a_new_connection(self) -> None:
        self.bodies = [response(STATISTICS), b"", response(STATISTICS)]
        server = Server("http://h:1", 1)
        server.ask("GET", "/a")
        server.ask("GET", "/b")
        self.assertEqual(len(self.connected), 2)

    def test_one_that_may_have_been_done_is_not(self) -> None:
        self.bodies = [response(STATISTICS), b""]
        server = Server("http://h:1", 1)
        server.ask("GET", "/a")
        with self.assertRaisesRegex(Exception, "closed the connection without an answer"):
            server.ask("POST", "/b", {})

    def test_after_a_fault_the_next_request_has_a_new_connection(self) -> None:
        self.bodies = [b"", response(STATISTICS)]
        server = Server("http://h:1", 1)
        with self.assertRaisesRegex(Exception, "without an answer"):
            server.ask("GET", "/a")
        server.ask("GET", "/b")
        self.assertEqual(len(self.connected), 2)

    def test_parts_of_a_query_may_be_left_out(self) -> None:
        self.bodies = [response(STATISTICS)]
        Server("http://h:1", 1).ask("GET", "/a", query={"x": None, "y": "ö"})
        self.assertEqual(self.requests[0].split()[1], b"/a?y=%C3%B6")
