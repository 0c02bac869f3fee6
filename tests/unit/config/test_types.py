"""Values of options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from gim.config import types

Read = Callable[[str], Any]
EVERY = (
    types.duration,
    types.size,
    types.count,
    types.count_or_zero,
    types.switch,
    types.header_name,
    types.endpoint,
)


class ValueCase(SynchronousTestCase):
    def assertReads(self, read: Read, expected: dict[str, Any]) -> None:
        self.assertEqual({text: read(text) for text in expected}, expected)

    def assertRefuses(self, read: Read, *texts: str) -> None:
        for text in texts:
            refused = self.assertRaises(ValueError, read, text)
            self.assertNotEqual(str(refused), "")


class AnyTextTests(ValueCase):
    """Whatever is written is a value or a ValueError."""

    @given(st.sampled_from(EVERY), st.text() | st.text("0123456789.:[]=msdhkib -", max_size=12))
    def test_any_text_is_read_or_refused_with_a_sentence(self, read: Read, text: str) -> None:
        try:
            value = read(text)
        except ValueError as refused:
            self.assertGreater(len(str(refused)), 10)
        else:
            self.assertIsNotNone(value)


class NumberTests(ValueCase):
    """Durations, sizes, counts and switches."""

    def test_a_duration_has_a_unit_or_is_in_seconds(self) -> None:
        expected = {"500ms": 0.5, "2s": 2.0, "1m": 60.0, "12h": 43200.0, "30d": 2592000.0, "7": 7.0}
        self.assertReads(types.duration, expected)
        self.assertReads(types.duration, {"1.5": 1.5, ".5s": 0.5, "2.": 2.0, "0.5m": 30.0, "2 s": 2.0})

    def test_a_duration_is_from_a_millisecond_to_a_year(self) -> None:
        self.assertReads(types.duration, {"1ms": 0.001, "365d": 365 * 86400.0, "31536000": 31_536_000.0})
        self.assertRefuses(types.duration, "0", "0s", "0.9ms", "366d", "31536001", "9" * 400)

    def test_what_is_no_duration_is_refused(self) -> None:
        bad = "s -1 +1 1e3 inf nan 1M 1w 1,5 1..5 1s1 0x1 \u0663"
        self.assertRefuses(types.duration, "", "1 week", *bad.split())

    def test_a_size_has_a_unit_or_is_in_bytes(self) -> None:
        expected = {"4096": 4096, "10b": 10, "64KiB": 65536, "64kib": 65536, "1kB": 1000, "1MB": 1000000}
        self.assertReads(types.size, expected)

    def test_a_size_is_from_a_byte_to_a_gibibyte(self) -> None:
        self.assertReads(types.size, {"1": 1, "1024MiB": 2**30, "1073741824": 2**30})
        self.assertRefuses(types.size, "0", "0KiB", "1025MiB", "1073741825", "9" * 400)

    def test_what_is_no_size_is_refused(self) -> None:
        self.assertRefuses(types.size, "", "KiB", "-1", "1.5KiB", "1GiB", "1 K", "0x10", "\u0663")

    def test_a_count_is_a_whole_number_from_1(self) -> None:
        self.assertReads(types.count, {"1": 1, "10000": 10_000, "9" * 15: 10**15 - 1, "007": 7})
        bad = ("", " 1", "0", "00", "-1", "1.0", "1_0", "1e3", "²", "\u0663", "9" * 16)
        self.assertRefuses(types.count, *bad)

    def test_a_count_may_be_0_where_that_means_something(self) -> None:
        self.assertReads(types.count_or_zero, {"0": 0, "1": 1})
        self.assertRefuses(types.count_or_zero, "-1", "-0", "", "none")

    def test_a_switch_is_true_or_false(self) -> None:
        self.assertReads(types.switch, {"true": True, "True": True, "false": False, "FALSE": False})
        self.assertRefuses(types.switch, "", "1", "0", "yes", "on", "true ")

    def test_a_header_name_is_a_token(self) -> None:
        self.assertReads(types.header_name, {name: name for name in ("trace", "X-Trace-Id", "a1_b.c~!")})
        self.assertRefuses(types.header_name, "", "a b", "trace:", "a\n", "é", '"a"', "a,b", "a/b")


class EndpointTests(ValueCase):
    """Addresses."""

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
        self.assertReads(types.endpoint, expected)

    def test_what_is_no_address_is_refused(self) -> None:
        bad = ": host host: :host ::1:80 [::1] []:80 a=b:80 8080:host http://x:80 -1 \u0668\u0660"
        self.assertRefuses(types.endpoint, "", "80 80", "localhost:80\n", *bad.split())

    def test_a_port_above_65535_is_refused(self) -> None:
        bad = ("65536", ":65536", "localhost:65536", "[::1]:99999", "9" * 400)
        self.assertRefuses(types.endpoint, *bad)

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
            made = serverFromString(MemoryReactor(), types.endpoint(text))
            self.assertTrue(IStreamServerEndpoint.providedBy(made))

    def test_an_endpoint_string_is_given_a_backlog_where_it_takes_one_and_has_none(self) -> None:
        expected = {
            "tcp:8080": "tcp:8080:backlog=9",
            "unix:/run/gim.sock": "unix:/run/gim.sock:backlog=9",
            "tcp:80:backlog=5": "tcp:80:backlog=5",
            "systemd:domain=INET:index=0": "systemd:domain=INET:index=0",
        }
        self.assertReads(lambda text: types.with_backlog(text, 9), expected)

    def test_the_host_is_the_interface_that_is_listened_at(self) -> None:
        for text, host in (("localhost:80", "localhost"), ("[::1]:80", "::1"), ("80", "")):
            reactor = MemoryReactor()
            made = serverFromString(reactor, types.endpoint(text))
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
            self.assertEqual(types.on_loopback(text), expected)

    def test_one_with_a_host_and_what_has_none_stay_as_they_are(self) -> None:
        for text in (
            *("tcp:80:interface=0.0.0.0", r"tcp6:80:interface=\:\:", "tcp:80:0.0.0.0"),
            *("unix:/a", "systemd:domain=INET:index=0", r"ssl:443:/a\:b:interface=10.0.0.1"),
        ):
            self.assertEqual(types.on_loopback(text), text)


class PartyTests(SynchronousTestCase):
    def test_what_is_empty_is_refused(self) -> None:
        for read in types.path, types.party, types.audience:
            self.assertEqual(read("x"), "x")
            for text in "", " ":
                self.assertIn("empty", str(self.assertRaises(ValueError, read, text)))

    def test_the_audiences_of_gim_itself_are_refused(self) -> None:
        for text in "gim-http", "gim-http-open":
            self.assertRaises(ValueError, types.audience, text)
