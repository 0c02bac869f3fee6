"""What reads files again at SIGHUP."""

from __future__ import annotations

import os

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from gim.daemon.signals import Reloader
from gim.startup import InvalidSetting


def refuse() -> str:
    raise InvalidSetting("b", "too short")


class ReloaderTests(SynchronousTestCase):
    def logged(self, reloader: Reloader, quietly: bool = False) -> list[tuple[str, str]]:
        """Reload; return level and text of the lines that are logged."""
        with capturedLogs() as events:
            reloader.reload_quietly() if quietly else reloader.reload()
        return [(event["log_level"].name, formatEvent(event)) for event in events]

    def test_a_line_says_what_was_read(self) -> None:
        reloader = Reloader(Clock())
        nothing = "SIGHUP: no option names a file that could be read again"
        self.assertEqual(self.logged(reloader), [("info", nothing)])
        reloader.add("--a", lambda: "read again")
        self.assertEqual(self.logged(reloader), [("info", "SIGHUP: --a: read again")])
        reloader.add("--b", refuse)
        line = "SIGHUP: --b: too short; what was read before stays in use; --a: read again"
        self.assertEqual(self.logged(reloader), [("error", line)])

    def test_quietly_only_what_fails_is_logged(self) -> None:
        reloader = Reloader(Clock())
        reloader.add("--a", lambda: "read again")
        self.assertEqual(self.logged(reloader, quietly=True), [])
        reloader.add("--b", refuse)
        line = "SIGHUP: --b: too short; what was read before stays in use"
        self.assertEqual(self.logged(reloader, quietly=True), [("error", line)])

    def test_paths_are_relative_to_a_directory(self) -> None:
        reloader = Reloader(Clock(), directory="/")
        reloader.add("--a", os.getcwd)
        self.assertEqual(self.logged(reloader), [("info", "SIGHUP: --a: /")])

    def test_the_line_waits_until_what_was_read_is_used(self) -> None:
        used: Deferred[None] = Deferred()
        taken: list[list[str]] = []

        def take(sources: list[str]) -> Deferred[None]:
            taken.append(sources)
            return used

        reloader = Reloader(Clock(), taken=take)
        reloader.add("--a", lambda: "read again")
        reloader.add("--b", refuse)
        self.assertEqual(self.logged(reloader), [])
        self.assertEqual(taken, [["--a"]])
        with capturedLogs() as events:
            used.callback(None)
        self.assertEqual(len(events), 1)
