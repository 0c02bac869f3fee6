"""Options of webhooks: what is taken, and what is refused with one line."""

from __future__ import annotations

import io
import os
import sys

from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from gim.config.options import Options
from gim.webhooks import event_types, from_settings
from gim.webhooks.from_settings import WebhookSettings, settings
from tests.support.webhooks.receiver import SECRET

URL = ("--webhook-url", "https://127.0.0.1/hook?key=1")
SET = {from_settings.VARIABLE: SECRET}


class SetupTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lines: list[str] = []
        self.patch(from_settings, "_log", self)

    def warn(self, format: str, **fields: object) -> None:
        self.lines.append(format.format(**fields))

    def parse(self, *words: str) -> Options:
        options = Options()
        options.parseOptions(list(words))
        return options

    def file(self, content: bytes, mode: int = 0o600) -> str:
        file = FilePath(self.mktemp())
        file.setContent(content)
        file.chmod(mode)
        return file.path

    def test_without_a_url_there_are_none(self) -> None:
        self.assertIsNone(settings(self.parse(), SET))

    def test_what_is_given_counts(self) -> None:
        events = "user.online, message.sent"
        options = self.parse(*URL, "--webhook-events", events, "--webhook-grace", "0")
        expected = WebhookSettings(
            URL[1], SECRET.encode(), frozenset(["user.online", "message.sent"]), 0.0
        )
        self.assertEqual(settings(options, SET), expected)
        self.assertEqual(settings(self.parse(*URL), SET).events, frozenset(event_types.EVENTS))

    def test_the_file_counts_more_than_the_variable_and_white_space_for_nothing(self) -> None:
        path = self.file(b"\n" + b"s" * 32 + b" \n")
        chosen = settings(self.parse(*URL, "--webhook-secret-file", path), SET)
        self.assertEqual((chosen.secret, self.lines), (b"s" * 32, []))

    def test_a_file_that_others_may_read_is_warned_of(self) -> None:
        path = self.file(SECRET.encode(), 0o644)
        settings(self.parse(*URL, "--webhook-secret-file", path), {})
        (line,) = self.lines
        self.assertTrue(line.startswith(f"{path}: every user of this machine may read or write it"))

    def test_what_can_not_work_is_said(self) -> None:
        short, long = (self.file(b"s" * length) for length in (31, 4097))
        for words, environment, said in (
            (URL, {}, "--webhook-url: add --webhook-secret-file, or GIM_WEBHOOK_SECRET in the"),
            (URL, {from_settings.VARIABLE: ""}, "GIM_WEBHOOK_SECRET: 0 bytes are no secret: write 32"),
            ([*URL, "--webhook-secret-file", "/no/file"], SET, "--webhook-secret-file: '/no/file' can't"),
            ([*URL, "--webhook-secret-file", "a\0b"], SET, "--webhook-secret-file: 'a\\x00b' can't be"),
            (
                [*URL, "--webhook-secret-file", short],
                SET,
                "--webhook-secret-file: 31 bytes are no secret",
            ),
            ([*URL, "--webhook-secret-file", long], SET, "--webhook-secret-file: 4097 bytes are no"),
            (["--webhook-grace", "1s"], SET, "--webhook-grace: add --webhook-url, or leave it out"),
            (["--webhook-events", "user.online"], SET, "--webhook-events: add --webhook-url"),
            (["--webhook-secret-file", short], SET, "--webhook-secret-file: add --webhook-url"),
        ):
            with self.assertRaises(ValueError) as raised:
                settings(self.parse(*words), environment)
            self.assertTrue(str(raised.exception).startswith(said), raised.exception)

    def test_where_it_was_given_is_said(self) -> None:
        os.environ["GIM_WEBHOOK_EVENTS"] = "user.online"
        self.addCleanup(os.environ.pop, "GIM_WEBHOOK_EVENTS")
        with self.assertRaises(ValueError) as raised:
            settings(self.parse(), {})
        self.assertIn("GIM_WEBHOOK_EVENTS: add --webhook-url", str(raised.exception))

    def test_values_that_are_none_are_refused(self) -> None:
        for name, bad in (
            *(("url", text) for text in ("ftp://x/", "//x/", "x", "http://", "https:///path", "")),
            *(("url", text) for text in ("http://x:0/", "http://x:99999/", "http://[::1/")),
            *(("url", text) for text in ("http://ann:secret@x/", "http://x/#here", "http://x/a b")),
            *(("url", text) for text in ("http://é.example/", "http://x/\n")),
            *(("events", text) for text in ("login", "", "user.online,", "User.Online")),
            *(("grace", text) for text in ("-1", "soon")),
        ):
            stderr = io.StringIO()
            self.patch(sys, "stderr", stderr)
            with self.assertRaises(SystemExit):
                self.parse(f"--webhook-{name}={bad}")
            self.assertTrue(stderr.getvalue().startswith(f"gim: --webhook-{name}: "), (name, bad))
            self.assertNotIn("secret", stderr.getvalue())
