"""Options of webhooks: what is taken, and what is refused with one line."""

from __future__ import annotations

import io
import os
import sys

from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from gim.config.options import Options
from gim.config.settings import settings_of
from gim.startup import InvalidSetting
from gim.webhooks import event_types, from_settings
from gim.webhooks.from_settings import secret_of
from gim.webhooks.settings import SECRET_VARIABLE, WebhookSettings
from tests.support.webhooks.receiver import SECRET

URL = ("--webhook-url", "https://127.0.0.1/hook?key=1")
SET = {SECRET_VARIABLE: SECRET}


class SettingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lines: list[str] = []
        self.patch(from_settings, "_log", self)

    def warn(self, format: str, **fields: object) -> None:
        self.lines.append(format.format(**fields))

    def parse(self, *words: str) -> Options:
        options = Options()
        options.parseOptions(list(words))
        return options

    def refusal(self, *words: str) -> str:
        """Return the line that is said of options that can't work."""
        stderr = io.StringIO()
        self.patch(sys, "__stderr__", stderr)
        self.assertRaises(SystemExit, self.parse, *words)
        return stderr.getvalue().removeprefix("gim: ")

    def settings(self, environment: dict[str, str], *words: str) -> WebhookSettings:
        chosen = settings_of(self.parse(*URL, *words), environment).webhooks
        assert chosen is not None
        return chosen

    def file(self, content: bytes, mode: int = 0o600) -> str:
        file = FilePath(self.mktemp())
        file.setContent(content)
        file.chmod(mode)
        return file.path

    def test_without_a_url_there_are_none(self) -> None:
        self.assertIsNone(settings_of(self.parse(), SET).webhooks)

    def test_what_is_given_counts(self) -> None:
        chosen = self.settings(
            SET, "--webhook-events", "user.online, message.sent", "--webhook-grace", "0"
        )
        self.assertEqual((chosen.url, chosen.grace), (URL[1], 0.0))
        self.assertEqual(chosen.events, frozenset(["user.online", "message.sent"]))
        self.assertEqual(secret_of(chosen), SECRET.encode())
        self.assertEqual(self.settings(SET).events, frozenset(event_types.EVENTS))

    def test_the_file_counts_more_than_the_variable_and_white_space_for_nothing(self) -> None:
        path = self.file(b"\n" + SECRET.encode() + b" \n")
        chosen = self.settings(SET, "--webhook-secret-file", path)
        self.assertEqual((secret_of(chosen), self.lines), (SECRET.encode(), []))

    def test_a_file_that_others_may_read_is_warned_of(self) -> None:
        path = self.file(SECRET.encode(), 0o644)
        secret_of(self.settings({}, "--webhook-secret-file", path))
        (line,) = self.lines
        self.assertTrue(line.startswith(f"{path}: every user of this machine may read or write it"))

    def test_a_secret_that_can_not_work_is_refused(self) -> None:
        short, long = (self.file(b"s" * length) for length in (31, 4097))
        for words, environment, said in (
            ((), {}, "webhook-url: add --webhook-secret-file, or GIM_WEBHOOK_SECRET in the"),
            ((), {SECRET_VARIABLE: ""}, "GIM_WEBHOOK_SECRET: 0 bytes are not a valid secret: write 32"),
            (("--webhook-secret-file", "/no/file"), SET, "webhook-secret-file: '/no/file' can't"),
            (("--webhook-secret-file", "a\0b"), SET, "webhook-secret-file: 'a\\x00b' can't be"),
            (("--webhook-secret-file", short), SET, "webhook-secret-file: 31 bytes are not a valid"),
            (("--webhook-secret-file", long), SET, "webhook-secret-file: 4097 bytes are not a"),
        ):
            with self.subTest(words):
                with self.assertRaises(InvalidSetting) as raised:
                    secret_of(self.settings(environment, *words))
                self.assertTrue(str(raised.exception).startswith(said), raised.exception)

    def test_the_other_options_need_a_url(self) -> None:
        short = self.file(b"s" * 31)
        for words, said in (
            (["--webhook-grace", "1s"], "--webhook-grace: add --webhook-url, or leave it out"),
            (["--webhook-events", "user.online"], "--webhook-events: add --webhook-url"),
            (["--webhook-secret-file", short], "--webhook-secret-file: add --webhook-url"),
        ):
            self.assertTrue(self.refusal(*words).startswith(said), words)

    def test_where_it_was_given_is_said(self) -> None:
        os.environ["GIM_WEBHOOK_EVENTS"] = "user.online"
        self.addCleanup(os.environ.pop, "GIM_WEBHOOK_EVENTS")
        self.assertIn("GIM_WEBHOOK_EVENTS: add --webhook-url", self.refusal())

    def test_the_secret_is_not_in_the_repr(self) -> None:
        self.assertNotIn(SECRET, repr(self.settings(SET)))

    def test_values_that_are_none_are_refused(self) -> None:
        for name, bad in (
            *(("url", text) for text in ("ftp://x/", "//x/", "x", "http://", "https:///path", "")),
            *(("url", f"http://{host}/") for host in ("a_b", "a..b", "-a", "a-", "a" * 64, "a%41", "*")),
            *(("url", f"http://[{host}]/") for host in ("::g", "fe80::1%25eth0", "v1.x", "1:2")),
            *(("url", text) for text in ("http://x:0/", "http://x:99999/", "http://[::1/")),
            *(("url", text) for text in ("http://ann:secret@x/", "http://x/#here", "http://x/a b")),
            *(("url", text) for text in ("http://é.example/", "http://x/\n")),
            *(("events", text) for text in ("login", "", "user.online,", "User.Online")),
            *(("grace", text) for text in ("-1", "soon")),
        ):
            line = self.refusal(f"--webhook-{name}={bad}")
            self.assertTrue(line.startswith(f"--webhook-{name}: "), (name, bad))
            self.assertNotIn("secret", line)
