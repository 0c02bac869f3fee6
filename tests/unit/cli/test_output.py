"""Tables, dates, sizes, colours, and texts that could control a terminal."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from gim.cli import output
from tests.support.command import STATISTICS, CommandTestCase, response


class TextTests(SynchronousTestCase):
    def test_a_text_can_not_control_a_terminal(self) -> None:
        self.assertEqual(output.safe("a\x1b[2J\n\t\u202eb\x9b é大"), "a\\x1b[2J\\n\\t\\u202eb\\u009b é大")

    def test_json_can_not_either_and_keeps_its_value(self) -> None:
        value = {"x": "\x1b\x7f\x9b\u2028\ud800é"}
        line = output.as_json(value)
        self.assertEqual(line, '{"x":"\\u001b\\u007f\\u009b\\u2028\\ud800é"}')
        self.assertEqual(json.loads(line), value)

    def test_the_width_counts_cells(self) -> None:
        for text, cells in (("", 0), ("abc", 3), ("é", 1), ("大厅", 4), ("e\u0301", 1)):
            self.assertEqual(output.width(text), cells, text)

    def test_numbers_read_well(self) -> None:
        self.assertEqual(
            [output.count(n) for n in (0, 999, 8213, 1e6)], ["0", "999", "8,213", "1,000,000"]
        )
        self.assertEqual(
            [output.size(n) for n in (0, 1023, 412 * 1024, 312 * 2**20, 1.5 * 2**30)],
            ["0 B", "1023 B", "412 KiB", "312 MiB", "1.5 GiB"],
        )
        self.assertEqual(
            [output.span(s) for s in (0.2, 59, 61, 3600, 90_000, 273_600)],
            ["0 s", "59 s", "1 min 1 s", "1 h 0 min", "1 d 1 h", "3 d 4 h"],
        )
        self.assertEqual(output.date(1_800_000_000_999), "2027-01-15T08:00:00Z")


class ColorTests(CommandTestCase):
    def answer(self, request: bytes) -> bytes:
        return response(STATISTICS)

    def test_columns_are_aligned(self) -> None:
        self.assertEqual(
            self.said("stats"),
            "NODE   CONNECTIONS  USERS  CHATROOMS  MESSAGES\n"
            "total            1      1          0         3\n",
        )

    def test_only_a_terminal_gets_colours_unless_they_are_not_wanted(self) -> None:
        self.environment["TERM"] = "xterm"
        self.assertIn("\x1b[1m", self.gim("stats", tty=True).out)
        self.assertNotIn("\x1b", self.gim("stats").out)
        self.assertNotIn("\x1b", self.gim("stats", "--no-color", tty=True).out)
        self.environment["NO_COLOR"] = "1"
        self.assertNotIn("\x1b", self.gim("stats", tty=True).out)
        del self.environment["NO_COLOR"]
        self.environment["TERM"] = "dumb"
        self.assertNotIn("\x1b", self.gim("stats", tty=True).out)
