from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gim.net.origins import SAME_HOST, read


class SameHostTests(SynchronousTestCase):
    def test_the_host_must_be_the_same_and_the_ports_need_not(self) -> None:
        for origin, host in (
            ("http://chat.example.com", "chat.example.com"),
            ("https://chat.example.com", "chat.example.com:8080"),
            ("http://chat.example.com:3000", "chat.example.com:8080"),
            ("HTTP://Chat.Example.COM", "CHAT.example.com"),
            ("http://localhost:3000", "localhost:8080"),
            ("http://127.0.0.1:3000", "127.0.0.1"),
            ("http://[::1]:3000", "[::1]:8080"),
            ("http://[::1]", "[0:0:0:0:0:0:0:1]:8080"),
            ("http://[2001:DB8::A]", "[2001:db8:0::a]"),
            (" http://localhost ", " localhost "),
            ("http://chat.example.com.", "chat.example.com"),
            ("http://chat.example.com:3000", "chat.example.com.:8080"),
            ("http://chat.example.com.:80", "chat.example.com."),
            ("http://chat.example.com", "chat.example.com:"),
        ):
            self.assertTrue(SAME_HOST.allow(origin, host), (origin, host))

    def test_another_host_is_refused(self) -> None:
        for origin, host in (
            ("http://evil.example", "chat.example.com"),
            ("http://sub.chat.example.com", "chat.example.com"),
            ("http://example.com", "chat.example.com"),
            ("http://chat.example.com.evil.example", "chat.example.com"),
            ("http://evil-chat.example.com", "chat.example.com"),
            ("http://localhost", "127.0.0.1"),
            ("http://[::2]", "[::1]"),
            ("http://chat.example.com", ""),
            ("http://chat.example.com..", "chat.example.com"),
            ("http://[::1].", "[::1]"),
            ("http://evil.example", "chat.example.com, evil.example"),
            ("http://evil.example", "evil.example@chat.example.com"),
        ):
            self.assertFalse(SAME_HOST.allow(origin, host), (origin, host))

    def test_what_is_no_origin_of_a_web_page_is_refused(self) -> None:
        for origin in (
            *("", "null", "NULL", "chat", "chat:80", "//chat", "http:chat", "http://", "http://:80"),
            *("file://", "file://chat", "file:///tmp/x", "ftp://chat", "chrome-extension://chat"),
            *("http://chat/", "http://chat/path", "http://chat?x", "http://chat#x", "http://user@chat"),
            *(
                "http://chat:",
                "http://chat:x",
                "http://chat:99999",
                "http://chat:-1",
                "http://chat:80:80",
            ),
            *("http://*.chat", "http://*", "*", "http://chat http://chat", "http://chat,http://chat"),
            *(
                "http://chat\0",
                "http://ch\nat",
                "http://ch%61t",
                "http://çhat",
                "http://chat\\",
                "http://[chat",
            ),
            *("http://[::1", "http://[zz::1]", "http://::1", "http://[1.2.3.4]"),
        ):
            for host in "chat", "chat:80", "[::1]", origin:
                self.assertFalse(SAME_HOST.allow(origin, host), (origin, host))


class ListTests(SynchronousTestCase):
    def allowed(self, listed: str, *origins: str) -> list[str]:
        """Return those of the origins that a list allows."""
        return [origin for origin in origins if read(listed).allow(origin, "chat.example.com")]

    def test_scheme_host_and_port_must_be_those_of_an_entry(self) -> None:
        listed = "https://app.example.com, http://localhost:3000,capacitor://localhost"
        good = ["https://app.example.com", "https://app.example.com:443", "HTTPS://APP.example.com"]
        good += ["http://localhost:3000", "capacitor://localhost"]
        bad = ["http://app.example.com", "https://app.example.com:8443", "http://localhost"]
        bad += ["https://localhost:3000", "https://example.com", "https://x.app.example.com"]
        bad += ["https://chat.example.com", "https://app.example.com.evil.example", "null"]
        self.assertEqual(self.allowed(listed, *good, *bad), good)

    def test_a_default_port_may_be_written_or_not(self) -> None:
        self.assertEqual(len(self.allowed("http://a:80", "http://a", "http://a:80", "https://a:80")), 2)
        self.assertEqual(len(self.allowed("https://a:443", "https://a", "http://a:443")), 1)

    def test_a_star_in_front_stands_for_all_subdomains_but_not_for_the_domain(self) -> None:
        good = ["https://a.example.com", "https://a.b.example.com", "https://A.EXAMPLE.com:443"]
        bad = ["https://example.com", "https://evilexample.com", "http://a.example.com"]
        bad += [
            "https://a.example.com:8443",
            "https://a.example.com.evil.example",
            "https://.example.com",
        ]
        self.assertEqual(self.allowed("https://*.example.com", *good, *bad), good)

    def test_a_star_alone_stands_for_all_but_null(self) -> None:
        good = ["https://anything", "http://[::1]:5", "app://x"]
        self.assertEqual(self.allowed("*", *good, "null", "file://", "", "x"), good)

    def test_null_must_be_listed(self) -> None:
        self.assertEqual(self.allowed("null", "null", "file://", "http://a"), ["null", "file://"])
        self.assertEqual(self.allowed("*,null", "null", "http://a"), ["null", "http://a"])

    def test_the_same_host_must_be_listed_beside_others(self) -> None:
        page = "https://chat.example.com"
        self.assertEqual(self.allowed("https://a", page), [])
        self.assertEqual(self.allowed("same-host,https://a", page), [page])
        self.assertEqual(read("Same-Host"), SAME_HOST)

    def test_entries_that_can_not_work_are_refused(self) -> None:
        for text in (
            *(
                "",
                "https://a,",
                "example.com",
                "https://",
                "https://*",
                "https://a.*.com",
                "https://*a.com",
            ),
            *("https://a/", "https://a/path", "https://a:x", "https://a:99999", "https://u@a", "**"),
            *("https://bücher.example", "https://*.[::1]", "https://a https://b", "https://[::g]"),
        ):
            error = self.assertRaises(ValueError, read, text)
            self.assertIn("is not a valid origin: write", str(error), text)

    @given(st.text() | st.text("htps:/*.[]1a,@%", max_size=20), st.text() | st.text(":.[]1a", max_size=9))
    def test_any_text_is_no_fault(self, origin: str, host: str) -> None:
        for origins in SAME_HOST, read("https://*.example.com"):
            self.assertIn(origins.allow(origin, host), (True, False))
        try:
            read(origin)
        except ValueError as error:
            self.assertIn("is not a valid origin", str(error))
