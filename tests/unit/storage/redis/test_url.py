"""The URL of --redis-url."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gim.storage.redis.client.url import Address, Target, Tls, read

PASSWORD = "pa55-w0rd"
PLACES = (  # where a password belongs, whatever it holds
    "redis://:{}@host",
    "redis://user:{}@host:6379/3",
    "redis://user:{}@host:port",
    "redis://user:{}@[::1/3",
    "redis://user:{}@",
    "redis://user:{}@host/name",
    "redis://user:{}@host#here",
    "redis://user:{}@host?db=1",
    "rediss://user:{}@host?ssl_cert_reqs=maybe",
    "unix://user:{}@/run/redis.sock?db=2",
    "unix://user:{}@run/redis.sock",
    "redis+sentinel://user:{}@a,b/name",
    "redis+sentinel://a,b/name?sentinel_user=s&sentinel_password={}",
    "redis+sentinel://a,b/name?sentinel_password={}&db=1",
    "redis+cluster://user:{}@a:1,user:{}@b:2",
    "http://user:{}@host",
)
MISTAKES = (  # where it comes by mistake
    "{}",
    "{}://host",
    "redis://{}@host",
    "redis://user:{}",
    "redis://{}:6380/x",
    "redis://host/{}",
    "redis://host#{}",
    "redis://host?{}",
    "redis+sentinel://host/name?sentinel_password={}&sentinel_password={}",
    "redis+sentinel://host/name?sentinel_password=x&{}=1",
)


def said_of(text: str) -> str:
    """Return all that is said of a URL."""
    try:
        target = read(text)
    except ValueError as refused:
        return f"{refused} {refused.__cause__}"
    return f"{target.describe()} {target!r}"


class UrlCase(SynchronousTestCase):
    def assertReads(self, expected: dict[str, Target]) -> None:
        for text, target in expected.items():
            self.assertEqual(read(text), target, text)

    def assertRefuses(self, word: str, *texts: str) -> None:
        """Check that all *texts* are refused with a sentence that holds *word*."""
        for text in texts:
            refused = self.assertRaises(ValueError, read, text)
            self.assertIn(word, str(refused), text)


class AnyTextTests(UrlCase):
    """Whatever is written is a target or a ValueError, and no password comes to light."""

    pieces = st.sampled_from(
        ["redis://", "rediss+sentinel://", "redis+cluster://", "unix:///", *":@/?#[],%&="]
    )

    @given(st.text() | st.lists(pieces | st.text("a1:.%@é\0 ", max_size=5)).map("".join))
    def test_any_text_is_read_or_refused_with_a_sentence(self, text: str) -> None:
        try:
            target = read(text)
        except ValueError as refused:
            self.assertGreater(len(str(refused)), 10)
            self.assertTrue(str(refused).isprintable())
        else:
            self.assertTrue(target.describe().isprintable())

    @given(st.sampled_from(PLACES), st.text(), st.text())
    @example(PLACES[0], "a/", "")
    @example(PLACES[0], "a?", "=1")
    @example(PLACES[1], "1?", "=1")
    @example(PLACES[0], "a#", "")
    @example(PLACES[0], "%", "")
    @example(PLACES[0], "a@", "")
    @example(PLACES[0], "", "\ud800")
    @example(PLACES[0], "", "\u2100")  # whose compatibility form holds a /
    @example(PLACES[12], "a&", "=1")
    def test_no_password_is_ever_said(self, place: str, before: str, after: str) -> None:
        said = said_of(place.replace("{}", before + PASSWORD + after))
        self.assertNotIn(PASSWORD, said)

    @given(st.sampled_from(MISTAKES), st.text("abc019!$*.:", max_size=5))
    def test_none_is_said_where_it_was_put_by_mistake(self, place: str, after: str) -> None:
        self.assertNotIn(PASSWORD, said_of(place.replace("{}", PASSWORD + after)))

    @given(*[st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))] * 2)
    def test_what_is_percent_encoded_is_read_as_it_was(self, user: str, password: str) -> None:
        target = read(f"redis://{quote(user, safe='')}:{quote(password, safe='')}@host")
        self.assertEqual((target.user, target.password), (user, password))
        name = quote(password + "/", safe="")
        self.assertEqual(read(f"redis+sentinel://host/{name}").master, password + "/")

    @given(st.sampled_from(PLACES), st.sampled_from(["", "x"]))
    def test_a_description_is_read_as_the_same_place(self, place: str, password: str) -> None:
        try:
            target = read(place.replace("{}", password))
        except ValueError:
            return
        again = read(target.describe())
        for field in ("kind", "addresses", "database", "master"):
            self.assertEqual(getattr(again, field), getattr(target, field))


class ServerTests(UrlCase):
    """A single server."""

    def test_a_host_is_enough(self) -> None:
        self.assertReads(
            {
                "redis://localhost": Target("server", (Address("localhost", 6379),)),
                "redis://localhost/": Target("server", (Address("localhost", 6379),)),
                "REDIS://Red_is-1.example.:1": Target("server", (Address("Red_is-1.example.", 1),)),
                "redis://10.0.0.1:65535/15": Target("server", (Address("10.0.0.1", 65535),), database=15),
                "redis://h/2147483647": Target("server", (Address("h", 6379),), database=2**31 - 1),
            }
        )

    def test_an_ipv6_address_is_in_brackets(self) -> None:
        self.assertReads(
            {
                "redis://[::1]": Target("server", (Address("::1", 6379),)),
                "redis://[2001:DB8::0:1]:7000/1": Target(
                    "server", (Address("2001:db8::1", 7000),), database=1
                ),
                "redis://[fe80::1%25eth0]:7000": Target("server", (Address("fe80::1%eth0", 7000),)),
            }
        )

    def test_user_and_password_come_before_the_host(self) -> None:
        here = (Address("h", 6379),)
        self.assertReads(
            {
                "redis://:secret@h": Target("server", here, password="secret"),
                "redis://ann:secret@h": Target("server", here, "ann", "secret"),
                "redis://ann:@h": Target("server", here, "ann"),
                "redis://:@h": Target("server", here),
                "redis://a%40b:%2F%3a%25:+@h": Target("server", here, "a@b", "/:%:+"),
                "redis://:p,[:]é@h": Target("server", here, password="p,[:]é"),
            }
        )

    def test_a_unix_socket_has_a_path(self) -> None:
        place = (Address(path="/run/redis.sock"),)
        self.assertReads(
            {
                "unix:///run/redis.sock": Target("server", place),
                "unix:///run/redis.sock?db=3": Target("server", place, database=3),
                "unix://ann:secret@/run/redis.sock": Target("server", place, "ann", "secret"),
                "unix:///a%20b%40c": Target("server", (Address(path="/a b@c"),)),
            }
        )

    def test_tls_has_parameters(self) -> None:
        here = (Address("h", 6379),)
        files = "ssl_ca_certs=/ca%20.pem&ssl_certfile=c+d.pem&ssl_keyfile=/k=.pem"
        self.assertReads(
            {
                "rediss://h": Target("server", here, tls=Tls()),
                f"rediss://h?{files}": Target("server", here, tls=Tls("/ca .pem", "c+d.pem", "/k=.pem")),
                "rediss://h/1?ssl_cert_reqs=none": Target(
                    "server", here, database=1, tls=Tls(verify=False)
                ),
                "rediss://h/?&ssl_cert_reqs=required&": Target("server", here, tls=Tls()),
            }
        )


class SeveralTests(UrlCase):
    """Sentinels and clusters."""

    def test_sentinels_have_a_list_of_hosts_and_the_name_of_the_master(self) -> None:
        places = (Address("a", 26379), Address("::1", 1), Address("b", 2))
        self.assertReads(
            {
                "redis+sentinel://a,[::1]:1,b:2/main": Target("sentinel", places, master="main"),
                "redis+sentinel://u:p,@a,[::1]:1,b:2/ma%2Fin/5": Target(
                    "sentinel", places, "u", "p,", 5, "ma/in"
                ),
                "rediss+sentinel://a/m/?ssl_cert_reqs=none": Target(
                    "sentinel", places[:1], master="m", tls=Tls(verify=False)
                ),
                "redis+sentinel://a/m?sentinel_user=s&sentinel_password=%23+x=": Target(
                    "sentinel", places[:1], master="m", sentinel_user="s", sentinel_password="#+x="
                ),
            }
        )

    def test_a_cluster_has_a_list_of_hosts(self) -> None:
        places = (Address("a", 6379), Address("b", 7001))
        self.assertReads(
            {
                "redis+cluster://a,b:7001": Target("cluster", places),
                "redis+cluster://u:p@a,b:7001/0": Target("cluster", places, "u", "p"),
                "rediss+cluster://a/": Target("cluster", places[:1], tls=Tls()),
            }
        )


class RefusalTests(UrlCase):
    """What can't work is refused with what to write instead."""

    def test_only_the_known_schemes_are_read(self) -> None:
        self.assertRefuses(
            "redis+cluster://host:6379", "", "host", "host:6379", "http://host", "redis:host"
        )
        self.assertRefuses("schemes", "redis:/host", "://host", "unix+cluster://a", "redis+tls://a")

    def test_blanks_and_control_characters_are_refused(self) -> None:
        self.assertRefuses(
            "space", " redis://host", "redis://h\n", "redis://h o", "redis://:a\0@h", "redis://\ud800"
        )

    def test_a_percent_stands_for_utf8(self) -> None:
        self.assertRefuses("%25", "redis://:100%@h", "redis://:%4@h", "redis://:%zz@h")
        self.assertRefuses("UTF-8", "redis://:%ff@h", "unix:///a%00b", "redis+sentinel://h/%ff")

    def test_an_at_sign_stands_once_and_before_the_hosts(self) -> None:
        self.assertRefuses("%40", "redis://:a@b@host", "redis+cluster://u:p@a,u:p@b", "unix:///a@b")
        self.assertRefuses("%2F", "redis://:a/b@host", "redis://:a?b@host", "redis://:a#b@host")

    def test_a_user_without_a_colon_is_refused(self) -> None:
        self.assertRefuses(":password@", "redis://ann@host", "redis://@host", "unix://ann@/path")

    def test_a_host_is_needed(self) -> None:
        self.assertRefuses("[::1]:port", "redis://", "redis:///0", "redis://:6379", "redis://:p@")
        self.assertRefuses(
            "[::1]:port", "redis+cluster://a,,b", "redis+cluster://a,", "redis+sentinel:///m"
        )

    def test_a_host_is_a_name_or_an_address(self) -> None:
        self.assertRefuses(
            "host name", "redis://a..b", "redis://a%20b", "redis://é", "redis://a!", f"redis://{'a' * 64}"
        )
        self.assertRefuses("IPv6", "redis://[::g]", "redis://[]", "redis://[1.2.3.4]:1", "redis://[%ff]")
        self.assertRefuses(
            "[::1]:port",
            "redis://[::1",
            "redis://::1",
            "redis://::1]",
            "redis://[::1]7",
            "redis://a[::1]",
        )

    def test_a_port_is_a_number(self) -> None:
        self.assertRefuses(
            "65535",
            "redis://h:",
            "redis://h:0",
            "redis://h:65536",
            "redis://h:006379",
            f"redis://h:{'9' * 5000}",
            "redis://h:x",
            "redis://h:1:2",
        )
        self.assertRefuses("65535", "redis://h:\u0663", "redis://h:-1", "redis+cluster://a:1,b:x")

    def test_a_single_server_has_one_host(self) -> None:
        self.assertRefuses("several hosts", "redis://a,b", "rediss://a:1,b:2/0")

    def test_a_database_is_a_number(self) -> None:
        self.assertRefuses(
            "database", "redis://h/x", "redis://h/-1", "redis://h/2147483648", "redis://h/1/"
        )
        self.assertRefuses(
            "database", "unix:///s?db=x", "redis+sentinel://h/m/x", "redis+sentinel://h/m/1/2"
        )

    def test_a_cluster_has_database_0_only(self) -> None:
        self.assertRefuses("database 0 only", "redis+cluster://h/1")

    def test_sentinels_need_a_name(self) -> None:
        self.assertRefuses(
            "name is missing", "redis+sentinel://h", "redis+sentinel://h/", "redis+sentinel://h//0"
        )

    def test_a_unix_socket_has_a_path_and_no_host(self) -> None:
        self.assertRefuses("three slashes", "unix://run/redis.sock", "unix://ann:p@host/path")
        self.assertRefuses("path", "unix://", "unix:///", f"unix:///{'a' * 107}", f"unix:///{'é' * 54}")

    def test_a_fragment_is_refused(self) -> None:
        self.assertRefuses("fragment", "redis://h#", "redis://h/0?#a", "unix:///a#b")

    def test_an_unknown_parameter_is_refused_by_its_name(self) -> None:
        self.assertRefuses("'timeout'", "redis://h?timeout=1", "unix:///s?timeout=1&db=0")
        self.assertRefuses("'db'", "redis://h?db=1")
        self.assertRefuses("''", "redis://h?=1")
        self.assertRefuses("'sentinel_user'", "redis://h?sentinel_user=a")
        self.assertRefuses("%26", "redis+sentinel://h/m?sentinel_password=a&b=1")

    def test_a_parameter_of_tls_needs_tls(self) -> None:
        self.assertRefuses("ssl_ca_certs", "redis://h?ssl_ca_certs=/a", "unix:///s?ssl_ca_certs=/a")
        self.assertRefuses("rediss", "redis+cluster://h?ssl_cert_reqs=none")

    def test_a_parameter_has_one_value(self) -> None:
        self.assertRefuses("twice", "unix:///s?db=1&db=1")
        self.assertRefuses("no value", "unix:///s?db", "unix:///s?db=", "rediss://h?ssl_keyfile&a=1")

    def test_verification_is_on_or_off(self) -> None:
        self.assertRefuses("none or required", "rediss://h?ssl_cert_reqs=optional")

    def test_a_key_needs_its_certificate(self) -> None:
        self.assertRefuses("ssl_certfile", "rediss://h?ssl_keyfile=/k")


class DescriptionTests(UrlCase):
    """What logs and errors say of a target."""

    def test_it_is_the_url_with_all_defaults_and_without_secrets(self) -> None:
        expected = {
            "redis://127.0.0.1": "redis://127.0.0.1:6379/0",
            "rediss://u:p@[::1]:1/2?ssl_cert_reqs=none": "rediss://[::1]:1/2",
            "redis://[fe80::1%25e0]": "redis://[fe80::1%25e0]:6379/0",
            "unix://u:p@/run/a%20b%0A": "unix:///run/a%20b%0A?db=0",
            "redis+sentinel://u:p@a,b:1/m%2Fn?sentinel_password=p": "redis+sentinel://a:26379,b:1/m%2Fn/0",
            "rediss+sentinel://a/m/3": "rediss+sentinel://a:26379/m/3",
            "redis+cluster://u:p@a,b:1": "redis+cluster://a:6379,b:1",
            "rediss+cluster://a": "rediss+cluster://a:6379",
        }
        self.assertEqual({text: read(text).describe() for text in expected}, expected)

    def test_the_repr_says_no_more(self) -> None:
        self.assertEqual(repr(read("redis://u:p@h")), "<Target redis://h:6379/0>")

    def test_a_target_can_not_be_changed(self) -> None:
        target = read("rediss://h")
        for part in (target, target.addresses[0], target.tls):
            with self.assertRaises(AttributeError):
                part.port = 1  # type: ignore[misc, union-attr]
