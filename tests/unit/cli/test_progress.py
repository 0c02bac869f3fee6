"""The line that shows how far something is."""

from __future__ import annotations

import argparse
import io
import os
import sys

from twisted.trial.unittest import SynchronousTestCase

from gim.cli import progress
from gim.cli.output import Output
from tests.support.command import Terminal


class ProgressTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 100.0
        self.columns = 60
        self.patch(progress, "monotonic", lambda: self.now)
        self.patch(os, "get_terminal_size", lambda file: os.terminal_size((self.columns, 24)))
        self.patch(os, "environ", {"TERM": "xterm", "NO_COLOR": "1"})
        self.error = Terminal()
        self.patch(sys, "stderr", self.error)
        self.patch(sys, "stdout", Terminal())

    def line(self, share: float | None = 0.5, **options: bool) -> str:
        """Return what is drawn after a second."""
        made = self.made(**options)
        self.now += 1
        made.show("reading", share)
        return self.error.getvalue()

    def made(self, **options: bool) -> progress.Progress:
        args = {"json": False, "quiet": False, "no_color": False} | options
        return progress.Progress(Output(argparse.Namespace(**args)))

    def test_a_bar_is_as_long_as_the_terminal_lets_it_be(self) -> None:
        self.assertEqual(self.line(), f"\r\x1b[Kreading [{'#' * 15}{'-' * 15}]  50%")

    def test_in_a_narrow_terminal_it_is_shorter_or_left_out(self) -> None:
        self.columns = 24
        self.assertEqual(self.line(), "\r\x1b[Kreading [####----]  50%")
        self.columns = 18
        self.error.truncate(0)
        self.error.seek(0)
        self.assertEqual(self.line(), "\r\x1b[Kreading  50%")
        self.columns = 5
        self.error.truncate(0)
        self.error.seek(0)
        self.assertEqual(self.line(), "\r\x1b[Kread")

    def test_where_the_end_is_not_known_there_is_no_bar(self) -> None:
        self.assertEqual(self.line(share=None), "\r\x1b[Kreading")

    def test_what_is_done_is_in_colour_unless_colours_are_off(self) -> None:
        del os.environ["NO_COLOR"]
        self.assertIn("\x1b[32m###", self.line())
        self.error.truncate(0)
        self.assertNotIn("\x1b[32m", self.line(no_color=True))

    def test_nothing_is_drawn_within_the_first_second_nor_too_often(self) -> None:
        made = self.made()
        made.show("a")
        self.now += 1
        made.show("b")
        made.show("c")
        self.now += 0.1
        made.show("d")
        self.assertEqual(self.error.getvalue(), "\r\x1b[Kb\r\x1b[Kd")

    def test_it_is_erased_once_at_the_end(self) -> None:
        made = self.made()
        made.clear()
        self.now += 1
        made.show("a")
        made.clear()
        made.clear()
        self.assertEqual(self.error.getvalue(), "\r\x1b[Ka\r\x1b[K")

    def test_it_is_drawn_on_a_terminal_alone_and_never_when_quiet(self) -> None:
        self.assertEqual(self.line(quiet=True), "")
        os.environ["TERM"] = "dumb"
        self.assertEqual(self.line(), "")
        os.environ["TERM"] = "xterm"
        piped = io.StringIO()
        self.patch(sys, "stderr", piped)
        self.line()
        self.assertEqual(piped.getvalue(), "")

    def test_beside_json_in_a_pipe_it_is_not_drawn(self) -> None:
        self.patch(sys, "stdout", io.StringIO())
        self.assertEqual(self.line(json=True), "")
        self.assertNotEqual(self.line(), "")

    def test_things_are_counted_as_they_come(self) -> None:
        made = self.made()

        def things() -> list[int]:
            found = []
            for thing in made.each(range(3), "sessions"):
                found.append(thing)
                self.now += 1
            return found

        self.assertEqual(things(), [0, 1, 2])
        self.assertEqual(self.error.getvalue(), "\r\x1b[K2 sessions\r\x1b[K3 sessions\r\x1b[K")
