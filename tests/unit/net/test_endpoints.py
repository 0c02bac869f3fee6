"""Addresses to listen on: what is taken, and what becomes of it."""

from __future__ import annotations

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from gim.net import endpoints


class EndpointTests(SynchronousTestCase):
    """Addresses."""

    def assertRefuses(self, *texts: str) -> None:
        for text in texts:
            refused = self.assertRaises(ValueError, endpoints.read, text)
            self.assertNotEqual(str(refused), "")

    def test_a_port_a_host_and_port_or_an_endpoint_string_becomes_an_endpoint_string(self) -> None:
        expected = {
            "8080": "tcp:8080",
            ":8080": "tcp:8080",
            "0": "tcp:0",
            "65535": "tcp:65535",
            "localhost:8080": "tcp:8080:interface=localhost",
            "127.0.0.1:80": "tcp:80:interface=127.0.0.1",
            "[::1]:8080": r"tcp:8080:interface=\:\:1",
            "tcp:8080": "tcp:8080",
            "tcp:80:interface=127.0.0.1": "tcp:80:interface=127.0.0.1",
            "unix:/run/gim.sock": "unix:/run/gim.sock",
            "ssl:443:privateKey=key.pem": "ssl:443:privateKey=key.pem",
            "systemd:domain=INET:index=0": "systemd:domain=INET:index=0",
        }
        self.assertEqual({text: endpoints.read(text) for text in expected}, expected)

    def test_what_is_no_address_is_refused(self) -> None:
        bad = ": host host: :host ::1:80 [::1] []:80 a=b:80 8080:host http://x:80 -1 \u0668\u0660"
        self.assertRefuses("", "80 80", "localhost:80\n", *bad.split())

    def test_an_address_may_be_none(self) -> None:
        self.assertEqual(endpoints.read_or_nowhere("none"), endpoints.NOWHERE)
        self.assertEqual(endpoints.read_or_nowhere("8080"), endpoints.read("8080"))
        self.assertRaises(ValueError, endpoints.read_or_nowhere, "no")
        self.assertRaises(ValueError, endpoints.read, "none")

    def test_a_port_above_65535_is_refused(self) -> None:
        bad = ("65536", ":65536", "localhost:65536", "[::1]:99999", "9" * 400)
        self.assertRefuses(*bad)

    def test_what_is_read_is_an_endpoint_that_twisted_takes(self) -> None:
        for text in (
            "8080",
            ":8080",
            "a.b:8080",
            "[::1]:8080",
            "[fe80::1%eth0]:80",
            "tcp:8080",
            "unix:/x",
        ):
            made = serverFromString(MemoryReactor(), endpoints.read(text))
            self.assertTrue(IStreamServerEndpoint.providedBy(made))

    def test_an_endpoint_string_is_given_a_backlog_where_it_takes_one_and_has_none(self) -> None:
        expected = {
            "tcp:8080": "tcp:8080:backlog=9",
            "unix:/run/gim.sock": "unix:/run/gim.sock:backlog=9",
            "tcp:80:backlog=5": "tcp:80:backlog=5",
            "systemd:domain=INET:index=0": "systemd:domain=INET:index=0",
        }
        self.assertEqual({text: endpoints.with_backlog(text, 9) for text in expected}, expected)

    def test_the_host_is_the_interface_that_is_listened_at(self) -> None:
        for text, host in (("localhost:80", "localhost"), ("[::1]:80", "::1"), ("80", "")):
            reactor = MemoryReactor()
            made = serverFromString(reactor, endpoints.read(text))
            self.successResultOf(made.listen(None))
            (port, _factory, _backlog, interface) = reactor.tcpServers[0]
            self.assertEqual((port, interface), (80, host))


class LoopbackTests(SynchronousTestCase):
    def test_an_address_without_a_host_is_that_of_this_machine_alone(self) -> None:
        for text, expected in (
            ("tcp:80", "tcp:80:interface=127.0.0.1"),
            ("tcp4:80:backlog=5", "tcp4:80:backlog=5:interface=127.0.0.1"),
            ("tcp6:80", r"tcp6:80:interface=\:\:1"),
            ("ssl:443:privateKey=/a", "ssl:443:privateKey=/a:interface=127.0.0.1"),
        ):
            self.assertEqual(endpoints.on_loopback(text), expected)

    def test_one_with_a_host_and_what_has_none_stay_as_they_are(self) -> None:
        for text in (
            *("tcp:80:interface=0.0.0.0", r"tcp6:80:interface=\:\:", "tcp:80:0.0.0.0"),
            *("unix:/a", "systemd:domain=INET:index=0", r"ssl:443:/a\:b:interface=10.0.0.1"),
        ):
            self.assertEqual(endpoints.on_loopback(text), text)
