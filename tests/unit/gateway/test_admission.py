"""Who may connect, by a client that tries again and again."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.test import iosim

from gim.gateway import factory
from gim.gateway.protocol import GatewayProtocol
from gim.limits.overload import IN_A_ROW, SAMPLE_INTERVAL
from tests.support.pipe import GatewayTestCase
from tests.unit.gateway.test_origins import Raw

ANN, BOB = IPv4Address("TCP", "198.51.100.1", 1), IPv4Address("TCP", "198.51.100.2", 1)
PROXY = IPv4Address("TCP", "10.0.0.7", 1)


class AdmissionTestCase(GatewayTestCase):
    def knock(self, address: Any = ANN, *headers: str, client: Protocol | None = None) -> Any:
        """Connect from an address; return the client with the answer it got."""
        client = client or Raw("Host: localhost", *headers)
        server = self.gateway.buildProtocol(address)
        transport = iosim.FakeTransport(server, True, peerAddress=address)
        transport.abortConnection = transport.loseConnection
        self.pumps.append(iosim.connect(server, transport, client, iosim.FakeTransport(client, False)))
        self.pump()
        client.server = server  # type: ignore[attr-defined]
        return client

    def status(self, address: Any = ANN, *headers: str) -> int:
        return int(self.knock(address, *headers).received.split()[1])

    def hits(self) -> dict[str, int]:
        return dict(self.gateway.hits.counts)

    def hang_up(self, client: Any) -> None:
        client.transport.loseConnection()
        self.pump()


class TotalTests(AdmissionTestCase):
    options = ("--max-connections", "2")

    def test_one_too_many_is_told_so_before_its_handshake(self) -> None:
        first = self.knock(ANN)
        self.assertEqual(self.status(BOB), 101)
        client = self.knock(BOB)
        lines = client.received.decode().split("\r\n")
        self.assertEqual(lines[0], "HTTP/1.1 503 too many connections: try again later")
        self.assertIn("Retry-After: 5", lines)
        self.assertTrue(client.transport.disconnected)
        self.assertEqual(len(self.gateway.connections), 2)
        self.hang_up(first)
        self.assertEqual(self.status(BOB), 101)
        self.assertEqual(self.hits(), {"max-connections": 1})

    def test_one_that_says_nothing_is_dropped_when_its_handshake_should_be_done(self) -> None:
        for _ in range(2):
            self.knock()
        silent = self.knock(client=Silent())
        self.advance(6)
        self.assertEqual((silent.received, silent.gone), (b"", True))
        self.assertEqual(self.gateway._rejected, set())

    def test_no_more_than_some_are_waited_for(self) -> None:
        self.patch(factory, "MAX_REFUSED_WAITING", 3)
        for _ in range(2):
            self.knock()
        silent = [self.knock(client=Silent()) for _ in range(5)]
        self.assertEqual([client.gone for client in silent], [False] * 3 + [True] * 2)
        self.assertEqual(len(self.gateway._rejected), 3)
        self.advance(6)
        self.assertEqual(self.gateway._rejected, set())


class OpenFilesTests(AdmissionTestCase):
    options = ("--limits", "dry-run")

    def test_without_files_for_clients_they_are_refused_in_a_dry_run_too(self) -> None:
        self.patch(self.gateway.admission, "_are_files_short", lambda: True)
        client = self.knock()
        self.assertEqual(
            client.received.split(b"\r\n")[0], b"HTTP/1.1 503 too many connections: try again later"
        )
        self.assertEqual(self.hits(), {"open-files": 1})
        self.patch(self.gateway, "_max_refused_waiting", 1)
        silent = [self.knock(client=Silent()) for _ in range(2)]
        self.assertEqual([client.gone for client in silent], [False, True])


class Silent(Protocol):
    received, gone = b"", False

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.gone = True


class AddressTests(AdmissionTestCase):
    options = ("--max-address-connections", "2")

    def test_an_address_has_so_many_and_others_are_not_held_up(self) -> None:
        first = self.knock(ANN)
        self.assertEqual([self.status(ANN), self.status(ANN), self.status(BOB)], [101, 429, 101])
        self.assertIn(b"\r\nRetry-After: 5\r\n", self.knock(ANN).received)
        self.hang_up(first)
        self.assertEqual(self.status(ANN), 101)

    def test_those_in_their_handshake_count(self) -> None:
        for _ in range(2):
            self.knock(ANN, client=Silent())
        self.assertEqual(self.status(ANN), 429)
        self.advance(6)
        self.assertEqual(self.hits(), {"max-address-connections": 1, "handshake-timeout": 2})
        self.assertEqual(self.status(ANN), 101)

    def test_an_ipv6_address_counts_as_its_site(self) -> None:
        sites = "2001:db8:0:1::", "2001:db8:0:2::"
        statuses = [self.status(IPv6Address("TCP", f"{site}{n}", 1)) for site in sites for n in (1, 2, 3)]
        self.assertEqual(statuses, [101, 101, 429] * 2)

    def test_a_unix_socket_has_no_address(self) -> None:
        self.assertEqual([self.status(UNIXAddress(b"/s")) for _ in range(5)], [101] * 5)

    def test_who_is_no_proxy_is_not_believed(self) -> None:
        forged = [self.status(ANN, f"X-Forwarded-For: 198.51.100.{n}") for n in range(3)]
        self.assertEqual(forged, [101, 101, 429])

    def test_nothing_is_kept_of_those_who_left(self) -> None:
        for _ in range(3):
            self.hang_up(self.knock(ANN))
        admission: Any = self.gateway.admission
        self.assertEqual(len(admission._counts), 0)


class ProxyTests(AdmissionTestCase):
    options = ("--max-address-connections", "2", "--trusted-proxies", "10.0.0.0/8,unix")

    def check(self, peer: IAddress) -> None:
        statuses = [
            self.status(peer, f"X-Forwarded-For: {made_up}, {client}")
            for client in ("198.51.100.1", "2001:db8::7")
            for made_up in ("1.1.1.1", "10.0.0.9", "x")
        ]
        self.assertEqual(statuses, [101, 101, 429] * 2)

    def test_clients_behind_a_proxy_count_by_their_own_address(self) -> None:
        self.check(PROXY)

    def test_and_behind_one_on_a_unix_socket(self) -> None:
        self.check(UNIXAddress(b"/run/s"))

    def test_a_refusal_says_when_to_come_back_and_is_counted(self) -> None:
        headers = ["X-Forwarded-For: 198.51.100.1"]
        *_, last = [self.knock(PROXY, *headers) for _ in range(3)]
        self.assertIn(b"\r\nRetry-After: 5\r\n", last.received)
        self.assertTrue(last.transport.disconnected)
        self.assertEqual(self.hits(), {"max-address-connections": 1})

    def test_several_headers_are_one_list(self) -> None:
        headers = "X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 198.51.100.1"
        self.assertEqual([self.status(PROXY, *headers) for _ in range(3)], [101, 101, 429])

    def test_connections_are_named_by_their_own_address(self) -> None:
        client = self.knock(PROXY, "X-Forwarded-For: 198.51.100.1")
        self.assertEqual(client.server.peer, "198.51.100.1")
        self.assertEqual(client.server.address_group, "198.51.100.1")

    def test_nothing_is_kept_of_those_who_left(self) -> None:
        for _ in range(3):
            self.hang_up(self.knock(PROXY, "X-Forwarded-For: 198.51.100.1"))
        admission: Any = self.gateway.admission
        self.assertEqual(len(admission._counts), 0)


class DryRunTests(AdmissionTestCase):
    options = ("--limits", "dry-run", "--max-connections", "2", "--max-address-connections", "1")

    def test_everybody_is_let_in_and_counted(self) -> None:
        self.assertEqual([self.status() for _ in range(4)], [101] * 4)
        self.assertEqual(self.hits(), {"max-connections": 2, "max-address-connections": 3})


class OverloadTests(AdmissionTestCase):
    def overload(self) -> None:
        for _ in range(IN_A_ROW):
            self.clock.advance(SAMPLE_INTERVAL + 2)
            self.pump()

    def ready(self) -> bytes:
        transport = StringTransport()
        channel = self.api.buildProtocol(None)
        channel.makeConnection(transport)
        channel.dataReceived(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return transport.value()

    def test_new_ones_are_refused_and_those_connected_go_on(self) -> None:
        ann = self.user("ann")
        self.overload()
        client = self.knock()
        self.assertTrue(client.received.startswith(b"HTTP/1.1 503 the server is overloaded"))
        self.assertIn(b"\r\nRetry-After: 5\r\n", client.received)
        self.assertIn("server_time", self.data(ann, 105))
        self.assertIn(b'"reason":"overloaded"', self.ready())
        self.advance(SAMPLE_INTERVAL * (IN_A_ROW + 1))
        self.assertEqual(self.status(), 101)
        self.assertIn(b"200 OK", self.ready())
        self.assertEqual(self.hits(), {"max-reactor-delay": 1})


class OverloadDryRunTests(OverloadTests):
    options = ("--limits", "dry-run")

    def test_new_ones_are_refused_and_those_connected_go_on(self) -> None:
        self.overload()
        self.assertEqual(self.status(), 101)
        self.assertIsInstance(self.knock().server, GatewayProtocol)
        self.assertIn(b"200 OK", self.ready())
        self.assertEqual(self.hits(), {"max-reactor-delay": 2})
