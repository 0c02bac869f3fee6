"""Which hosts are served: any with a key; without one only those that no foreign web page can have."""

from __future__ import annotations

import os

from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport

from tests.unit.gateway.test_origins import OriginTestCase

OWN = (
    *("localhost", "LOCALHOST:8080", "localhost.", "127.0.0.1", "127.0.0.1:8080", "10.0.0.7"),
    *("localhost:", "127.0.0.1:", "[::1]:"),
    *("[::1]", "[::1]:8080", "[2001:db8::7]:1"),
)
FOREIGN = (
    *("evil.example", "evil.example:8080", "gim", "127.0.0.1.evil.example", "localhost.evil.example"),
    *("evil-localhost", "127.0.0.1@evil.example", "0x7f.1", "1.2.3", "[evil]", "\xff", "a, b"),
)


class HostTestCase(OriginTestCase):
    def over_http(self, host: str, version: str = "1.1", target: str = "/healthz") -> int:
        """Return the status of an HTTP request for a host."""
        transport = StringTransport(peerAddress=IPv4Address("TCP", "127.0.0.1", 3))
        channel = self.api.buildProtocol(None)
        channel.makeConnection(transport)
        channel.dataReceived(f"GET {target} HTTP/{version}\r\nHost: {host}\r\n\r\n".encode("latin-1"))
        return int(transport.value().split()[1])

    def assertServed(self, *hosts: str) -> None:
        for host in hosts:
            self.assertEqual((self.status(host=host), self.over_http(host)), (101, 200), host)

    def assertMisdirected(self, *hosts: str) -> None:
        for host in hosts:
            self.assertEqual((self.status(host=host), self.over_http(host)), (421, 421), host)


class OpenModeTests(HostTestCase):
    def test_addresses_and_localhost_are_served(self) -> None:
        self.assertServed(*OWN)

    def test_other_names_are_misdirected_before_anything_else(self) -> None:
        self.assertMisdirected(*FOREIGN)
        foreign = "evil.example"
        self.assertEqual(self.status(f"Origin: http://{foreign}", host=foreign), 421)
        self.assertEqual(self.over_http(foreign, target="/no/path"), 421)

    def test_a_host_in_the_path_takes_precedence(self) -> None:
        self.assertEqual(self.over_http("localhost", target="http://evil.example/healthz"), 421)
        self.assertEqual(self.over_http("evil.example", target="http://localhost/healthz"), 200)

    def test_browsers_always_name_a_host(self) -> None:
        self.assertEqual((self.status(host=""), self.over_http("")), (101, 200))


class ProfilingTests(HostTestCase):
    options = ("--profiling",)

    def test_a_foreign_page_gets_no_profile(self) -> None:
        self.assertEqual(self.over_http("evil.example", target="/debug/pprof/"), 421)
        self.assertEqual(self.over_http("localhost", target="/debug/pprof/"), 200)


class ListedTests(HostTestCase):
    options = ("--allowed-origins", "same-host,https://chat.example.com,http://*.example.org:3000")

    def test_the_hosts_of_listed_origins_are_served(self) -> None:
        self.assertServed(
            *OWN, "chat.example.com", "CHAT.example.com.:8080", "a.example.org", "a.b.example.org"
        )
        self.assertMisdirected(*FOREIGN, "example.com", "example.org", "a.chat.example.com")


class AnyTests(HostTestCase):
    options = ("--allowed-origins", "*")

    def test_a_star_stands_for_every_name(self) -> None:
        self.assertServed(*OWN, "evil.example", "gim")


class KeyTests(HostTestCase):
    def setUp(self) -> None:
        self.patch(os, "environ", {**os.environ, "GIM_AUTH_KEY": "0123456789" * 4})
        super().setUp()

    def test_with_a_key_any_host_is_served(self) -> None:
        self.assertServed(*OWN, "evil.example", "gim", "")
        for host in "\xff", "a" * 300, "[", "x..y":
            self.assertEqual(self.over_http(host), 200, host)
