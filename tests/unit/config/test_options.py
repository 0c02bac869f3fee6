import io
import os
import sys

from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint, serverFromString
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from gim import tap
from gim.auth.from_settings import admin_key
from gim.config import types
from gim.config.options import Options
from gim.config.settings import settings_of
from gim.net import origins
from gim.net.endpoints import with_backlog
from gim.net.listening import check_free
from gim.startup import StartupError
from gim.storage.redis.client import url
from gim.webhooks import event_types

DEFAULTS = {
    "gateway-address": "tcp:8080",
    "api-address": "tcp:8081",
    "gateway-worker": 1,
    "message-protocol": "json",
    "message-push-count": 10,
    "message-push-duration": 1.0,
    "message-push-concurrency-limit": 64,
    "enable-message-sequence": False,
    "enable-profiling": False,
    "console": True,
    "console-read-only": False,
    "trace-header": "trace",
    "metrics": True,
    "storage": "memory",
    "redis-url": url.read("redis://127.0.0.1:6379/0"),
    "redis-prefix": "gim",
    "data-dir": None,
    "sync": 1.0,
    "data-damage": "refuse",
    "segment-size": 64 * 2**20,
    "auth-key-file": None,
    "auth-jwks-file": None,
    "auth-audience": None,
    "auth-issuer": None,
    "allowed-origins": origins.SAME_HOST,
    "webhook-url": None,
    "webhook-events": frozenset(event_types.EVENTS),
    "webhook-secret-file": None,
    "webhook-grace": 10.0,
    "heartbeat-interval": 120.0,
    "ping-interval": 25.0,
    "login-timeout": 30.0,
    "handshake-timeout": 5.0,
    "drain": 5.0,
    "max-session-messages": 10_000,
    "message-ttl": 30 * 86400.0,
    "max-messages": 1_000_000,
    "max-unsent": 2**20,
    "max-content": 4096,
    "max-packet": 65536,
    "admin-key-file": None,
    "limits": "enforce",
    "max-connections": 50_000,
    "max-address-connections": 0,
    "max-user-connections": 100,
    "max-packet-rate": 1000,
    "max-packet-burst": 2000,
    "max-send-rate": 1000,
    "max-read-rate": 10_000,
    "max-login-rate": 100,
    "max-user-chatrooms": 1000,
    "max-chatroom-members": 100_000,
    "max-reactor-delay": 1.0,
    "max-memory": 0,
    "trusted-proxies": None,
    "log-format": "text",
    "log-level": "info",
    "log-requests": "all",
    "config": "",
    "check": 0,
}


class OptionsTests(SynchronousTestCase):
    def parse(self, *words: str) -> Options:
        options = Options()
        options.parseOptions(list(words))
        return options

    def refusal(self, *words: str) -> str:
        """Return the one line that is said of words that can't work."""
        stderr = io.StringIO()
        self.patch(sys, "__stderr__", stderr)
        with self.assertRaises(SystemExit) as raised:
            self.parse(*words)
        self.assertEqual(raised.exception.code, 1)
        (line,) = stderr.getvalue().splitlines()
        return line

    def test_defaults(self) -> None:
        self.assertEqual(dict(self.parse()), DEFAULTS)

    def test_short_and_long_names_are_the_same_option(self) -> None:
        for short, long in ("ws", "gateway-address"), ("http", "api-address"), ("trace", "trace-header"):
            for words in [f"--{short}", "7"], [f"--{short}=7"], [f"--{long}", "7"], [f"--{long}=7"]:
                self.assertIn(self.parse(*words)[long], ("7", "tcp:7"), words)

    def test_message_sequence_is_on_when_it_stands_alone(self) -> None:
        name = "--enable-message-sequence"
        for words, value in ([name], True), ([f"{name}=true"], True), ([f"{name}=false"], False):
            self.assertIs(self.parse(*words, "--ws", "1")["enable-message-sequence"], value)

    def test_profiling_has_three_names_and_is_on_when_one_stands_alone(self) -> None:
        for name in "--profiling", "--profiling-enabled", "--enable-profiling":
            for words, value in ([name], True), ([f"{name}=true"], True), ([f"{name}=false"], False):
                self.assertIs(self.parse(*words, "--ws", "1")["enable-profiling"], value, words)
            self.assertIn("--enable-profiling", self.refusal(f"{name}=maybe"))

    def test_workers_are_a_number_or_one_for_each_core(self) -> None:
        self.patch(types, "usable_cores", lambda: 7)
        for words, number in (
            ([], 1),
            (["--gateway-worker", "1"], 1),
            (["--ws-worker", "8"], 8),
            (["--ws-worker=256"], 256),
            (["--gateway-worker=auto"], 7),
        ):
            self.assertEqual(self.parse(*words)["gateway-worker"], number, words)
        for bad in "0", "-1", "257", "1000", "1.5", "two", "Auto", "", "1e2", "\u0664":
            self.assertEqual(
                self.refusal("--ws-worker", bad),
                f"gim: --gateway-worker: {bad!r} is not a valid number of workers:"
                " write 1 to 256, or auto for one on each core",
            )

    def test_there_are_never_more_workers_than_may_be(self) -> None:
        self.patch(types, "usable_cores", lambda: 1000)
        self.assertEqual(self.parse("--ws-worker", "auto")["gateway-worker"], 256)

    def test_several_workers_need_linux(self) -> None:
        self.patch(sys, "platform", "darwin")
        self.assertEqual(self.parse("--ws-worker", "1")["gateway-worker"], 1)
        self.assertEqual(
            self.refusal("--ws-worker", "2"), "gim: --gateway-worker: more than one worker needs Linux"
        )

    def test_values_are_read(self) -> None:
        options = self.parse(
            *("--ws", "[::1]:80", "--http", "localhost:81", "--message-push-count", "0"),
            *("--message-push-duration", "500ms", "--message-ttl", "12h", "--max-packet", "1MiB"),
        )
        self.assertEqual(options["gateway-address"], r"tcp:80:interface=\:\:1")
        self.assertEqual(options["api-address"], "tcp:81:interface=localhost")
        self.assertEqual(options["message-push-count"], 0)
        self.assertEqual((options["message-push-duration"], options["message-ttl"]), (0.5, 43200.0))
        self.assertEqual(options["max-packet"], 2**20)

    def test_drain_may_be_nothing(self) -> None:
        self.assertEqual([self.parse("--drain", text)["drain"] for text in ("0", "1.5s")], [0.0, 1.5])

    def test_what_can_not_work_is_refused_in_one_line_that_names_the_option(self) -> None:
        for name, bad in (
            ("message-protocol", "xml"),
            ("message-push-count", "-1"),
            ("message-push-duration", "0"),
            ("message-push-concurrency-limit", "0"),
            ("enable-message-sequence", "maybe"),
            ("trace-header", "a b"),
            ("heartbeat-interval", "soon"),
            ("drain", "-1"),
            ("max-messages", "1e6"),
            ("max-content", "0"),
            ("max-packet", "2GiB"),
            ("gateway-address", "a:b"),
            ("api-address", ":65536"),
        ):
            self.assertTrue(self.refusal(f"--{name}={bad}").startswith(f"gim: --{name}: "), name)

    def test_what_a_data_directory_needs_is_read(self) -> None:
        options = self.parse("--data-dir", "data", "--sync", "50ms", "--segment-size", "1MiB")
        self.assertEqual(options["data-dir"], os.path.abspath("data"))
        self.assertEqual((options["sync"], options["segment-size"]), (0.05, 2**20))
        for text in "always", "no":
            self.assertEqual(self.parse("--data-dir", "data", "--sync", text)["sync"], text)

    def test_what_a_data_directory_can_not_have_is_refused(self) -> None:
        for name, bad, said in (
            ("data-dir", " ", "it is empty: write the path of a directory"),
            ("sync", "0", "'0' is neither always nor no nor a duration"),
            ("sync", "never", "'never' is neither always nor no nor a duration"),
            ("data-damage", "ignore", "'ignore' is not a valid value: write refuse or keep-going"),
            ("segment-size", "1023KiB", "'1023KiB' is not a valid size from 1MiB to 1024MiB"),
            ("segment-size", "2GiB", "'2GiB' is not a valid size from 1MiB to 1024MiB"),
        ):
            self.assertIn(f"gim: --{name}: {said}", self.refusal(f"--{name}={bad}"))

    def test_only_the_memory_store_has_a_data_directory(self) -> None:
        for name, value in ("data-dir", "data"), ("sync", "no"), ("segment-size", "1MiB"):
            said = self.refusal("--storage", "redis", f"--{name}", value)
            self.assertTrue(said.startswith(f"gim: --{name}: it is for --storage memory"), said)

    def test_what_is_for_a_data_directory_needs_one(self) -> None:
        for name, value in ("sync", "2s"), ("data-damage", "keep-going"), ("segment-size", "1MiB"):
            said = self.refusal(f"--{name}", value)
            self.assertEqual(said, f"gim: --{name}: add --data-dir, or leave it out")

    def test_content_must_fit_into_a_packet(self) -> None:
        self.assertIn("--max-content", self.refusal("--max-content", "64KiB"))

    def test_a_console_that_is_off_can_not_be_read_only(self) -> None:
        said = self.refusal("--console=false", "--console-read-only")
        self.assertIn("--console-read-only: leave out --console=false", said)

    def test_the_key_of_the_administrator_is_in_a_file_or_in_the_environment(self) -> None:
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("a-key-of-20-letters\n")
        self.assertIsNone(self.admin_key({}))
        variables = {"GIM_ADMIN_KEY": "another-key-of-24-chars."}
        self.assertEqual(self.admin_key(variables), b"another-key-of-24-chars.")
        key = self.admin_key(variables, "--admin-key-file", path)
        self.assertEqual(key, b"a-key-of-20-letters")
        self.patch(os, "environ", {"GIM_ADMIN_KEY_FILE": path})
        self.assertEqual(self.admin_key(variables), b"a-key-of-20-letters")

    def admin_key(self, environment: dict[str, str], *words: str) -> bytes | None:
        return admin_key(settings_of(self.parse(*words), environment).auth)

    def test_a_key_that_can_not_be_one_is_refused_and_not_shown(self) -> None:
        path = self.mktemp()
        for wrong in path, "\0":
            with self.assertRaisesRegex(ValueError, "^admin-key-file: .* can't be read: "):
                self.admin_key({}, "--admin-key-file", wrong)
        for text in ("", "too-short", "with a space in it and long enough"):
            with open(path, "w") as file:
                file.write(text)
            with self.assertRaisesRegex(ValueError, "^admin-key-file: this is not a valid key"):
                self.admin_key({}, "--admin-key-file", path)
        for text in "", "secret", "secret-with-\udcff-in-it":
            with self.assertRaisesRegex(ValueError, "^GIM_ADMIN_KEY: this is not a valid key") as refused:
                self.admin_key({"GIM_ADMIN_KEY": text})
            self.assertNotIn("secret", str(refused.exception))

    def test_limits_that_can_not_work_are_refused(self) -> None:
        for words, said in (
            (("--limits", "no"), "--limits: 'no' is not a valid value: write enforce or dry-run"),
            (("--max-connections", "-1"), "--max-connections: '-1' is not a whole number, 0 or more"),
            (
                ("--max-memory", "1MiB"),
                "--max-memory: '1MiB' is not a valid size of memory from 128MiB: write",
            ),
            (
                ("--max-packet-burst", "9"),
                "--max-packet-burst: it must not be less than --max-packet-rate",
            ),
            (("--max-packet-rate", "9999"), "--max-packet-rate: it must not be more than --max-packet-b"),
            (("--trusted-proxies", "lb"), "--trusted-proxies: 'lb' is not a valid proxy: write 10.0.0.7"),
        ):
            self.assertTrue(self.refusal(*words).startswith(f"gim: {said}"), words)

    def test_limits_are_read(self) -> None:
        options = self.parse("--max-memory", "4GiB", "--max-reactor-delay", "0", "--max-packet-rate", "0")
        event_types = "max-memory", "max-reactor-delay", "max-packet-rate"
        self.assertEqual([options[name] for name in event_types], [4 * 2**30, 0.0, 0])

    def test_unknown_words_are_refused(self) -> None:
        self.assertIn("--colour", self.refusal("--colour", "red"))
        self.assertIn("'true'", self.refusal("--enable-message-sequence", "true"))


class EndpointTests(SynchronousTestCase):
    def test_every_way_of_writing_an_address_makes_an_endpoint(self) -> None:
        reactor = MemoryReactorClock()
        for text, kind in (
            ("0", TCP4ServerEndpoint),
            (":0", TCP4ServerEndpoint),
            ("127.0.0.1:0", TCP4ServerEndpoint),
            ("tcp:0:interface=127.0.0.1", TCP4ServerEndpoint),
            (r"tcp6:0:interface=\:\:1", TCP6ServerEndpoint),
        ):
            options = Options()
            options.parseOptions(["--ws", text])
            self.assertIsInstance(serverFromString(reactor, options["gateway-address"]), kind, text)

    def test_a_backlog_is_added_where_there_is_none(self) -> None:
        for text, expected in (
            ("tcp:80", "tcp:80:backlog=9"),
            ("unix:/a:mode=600", "unix:/a:mode=600:backlog=9"),
            ("ssl:443:backlog=5", "ssl:443:backlog=5"),
            ("systemd:domain=INET:index=0", "systemd:domain=INET:index=0"),
            ("haproxy:tcp:80", "haproxy:tcp:80:backlog=9"),
        ):
            self.assertEqual(with_backlog(text, 9), expected)

    def test_an_endpoint_that_can_not_be_made_is_refused_in_one_line(self) -> None:
        stderr = io.StringIO()
        self.patch(sys, "__stderr__", stderr)
        options = Options()
        options.parseOptions(["--ws", "tcp:x"])
        with self.assertRaises(SystemExit):
            tap.makeService(options, MemoryReactorClock())
        self.assertTrue(stderr.getvalue().startswith("gim: --gateway-address: 'tcp:x' can't be used: "))

    def test_an_address_of_another_machine_is_refused(self) -> None:
        taken = serverFromString(MemoryReactorClock(), "tcp:0:interface=192.0.2.1")
        error = self.assertRaises(StartupError, check_free, "gateway", taken)
        self.assertEqual(error.code, 1)
        self.assertTrue(str(error).startswith("gateway: cannot listen on 192.0.2.1:0: "))
