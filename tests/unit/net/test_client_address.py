from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from gim.net.client_address import NO_PROXIES, group_of, host_of, read

CLIENT, PROXY, OUTER = "198.51.100.7", "10.1.2.3", "192.0.2.1"


class ClientTests(SynchronousTestCase):
    """For whom a proxy asks."""

    def setUp(self) -> None:
        self.proxies = read(f"10.0.0.0/8, {OUTER}, fd00::/8")

    def test_without_proxies_it_is_the_peer(self) -> None:
        self.assertEqual(NO_PROXIES.client(PROXY, CLIENT), PROXY)
        self.assertEqual(NO_PROXIES.client("", CLIENT), "")

    def test_who_is_not_trusted_is_not_believed(self) -> None:
        self.assertEqual(self.proxies.client("203.0.113.9", CLIENT), "203.0.113.9")

    def test_who_is_trusted_is_believed(self) -> None:
        self.assertEqual(self.proxies.client(PROXY, CLIENT), CLIENT)
        self.assertEqual(self.proxies.client("fd00::1", CLIENT), CLIENT)
        self.assertEqual(self.proxies.client(PROXY, ""), PROXY)

    def test_what_the_client_wrote_itself_does_not_count(self) -> None:
        for made_up in "1.1.1.1", "10.9.9.9", "x", "", "10.9.9.9, 1.1.1.1":
            self.assertEqual(self.proxies.client(PROXY, f"{made_up}, {CLIENT}"), CLIENT, made_up)

    def test_proxies_may_ask_for_proxies(self) -> None:
        self.assertEqual(self.proxies.client(PROXY, f"1.1.1.1,{CLIENT},{OUTER}"), CLIENT)
        self.assertEqual(self.proxies.client(PROXY, f"10.4.4.4, {OUTER}"), "10.4.4.4")

    def test_empty_members_do_not_count(self) -> None:
        for forwarded in f"{CLIENT},", f"{CLIENT}, ", f"{CLIENT}, , {OUTER}", f" ,{CLIENT} ,,":
            self.assertEqual(self.proxies.client(PROXY, forwarded), CLIENT, forwarded)

    def test_it_ends_at_what_is_no_address(self) -> None:
        for word in "unknown", "_hidden", "a b", "999.1.1.1", "\x00", "1.1.1.1:", "[::1", "é":
            self.assertEqual(self.proxies.client(PROXY, f"{CLIENT}, {word}, {OUTER}"), OUTER, word)

    def test_addresses_may_have_ports(self) -> None:
        for word, host in (
            (f"{CLIENT}:443", CLIENT),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:DB8:0::1]", "2001:db8::1"),
            ("::ffff:198.51.100.7", CLIENT),
        ):
            self.assertEqual(self.proxies.client(PROXY, word), host)

    def test_a_unix_socket_is_trusted_only_if_it_is_listed(self) -> None:
        self.assertEqual(self.proxies.client("", CLIENT), "")
        self.assertEqual(read("unix").client("", CLIENT), CLIENT)
        self.assertEqual(read("unix").client(PROXY, CLIENT), PROXY)

    def test_a_mapped_proxy_is_the_same_one(self) -> None:
        peer = host_of(IPv6Address("TCP", f"::ffff:{PROXY}", 1))
        self.assertEqual(self.proxies.client(peer, CLIENT), CLIENT)

    def test_what_is_no_list_of_proxies_is_refused(self) -> None:
        for text in "", "proxy.example.com", "10.0.0.0/33", "10.0.0.0/8,", "10.*":
            self.assertIn("is not a valid proxy", str(self.assertRaises(ValueError, read, text)))


class AddressTests(SynchronousTestCase):
    def test_an_ipv6_address_counts_as_its_site(self) -> None:
        self.assertEqual(group_of("2001:db8:1:2:3:4:5:6"), group_of("2001:db8:1:2::1"))
        self.assertNotEqual(group_of("2001:db8:1:2::1"), group_of("2001:db8:1:3::1"))
        self.assertEqual(group_of(CLIENT), CLIENT)
        self.assertEqual(group_of(""), "")

    def test_hosts_of_transports(self) -> None:
        for address, host in (
            (IPv4Address("TCP", CLIENT, 1), CLIENT),
            (IPv6Address("TCP", "fe80::1%eth0", 1), "fe80::1"),
            (IPv4Address("TCP", "evil\nline", 1), ""),
            (UNIXAddress(b"/run/s"), ""),
            (None, ""),
        ):
            self.assertEqual(host_of(address), host)
