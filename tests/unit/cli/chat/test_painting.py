"""How messages look: nothing in them reaches the terminal as a control character."""

from __future__ import annotations

import os
import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.cli.chat import painting
from gim.cli.chat.book import Book
from tests.support.chat_client import message


def text(fragments: painting.Fragments) -> str:
    return "".join(part for _, part in fragments)


class PaintingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.set_zone(os.environ.get("TZ"), "UTC")
        self.book = Book("ann")

    def set_zone(self, before: str | None, zone: str | None) -> None:
        """Set the time zone, until the end of the test."""
        if zone is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = zone
        time.tzset()
        if zone != before:
            self.addCleanup(self.set_zone, before, before)

    def paint(self, content: str, sender: str = "bob", **fields: Any) -> painting.Fragments:
        each = message(5, sender, content, **fields)
        self.book.take(each)
        return painting.painted(each, self.book)

    def test_a_message_has_a_time_a_name_and_its_lines(self) -> None:
        self.assertEqual(text(self.paint("a\r\nb\tc\n\x1b[2J\u202e")), (
            "08:05 Bob: a\n      b    c\n      \\x1b[2J\\u202e"
        ))  # fmt: skip
        self.assertEqual(text(self.paint("cat.png", category="picture")), "08:05 Bob: [picture] cat.png")
        self.assertEqual(text(self.paint("", status=2)), "08:05 Bob: (recalled)")
        self.assertEqual(text(self.paint("x", "eve", name="E\x1bve")), "08:05 E\\x1bve: x")

    def test_each_sender_has_a_colour_of_their_own(self) -> None:
        self.assertEqual(self.paint("x", "ann")[1][0], "class:me")
        styles = {self.paint("x", f"user{number}")[1][0] for number in range(50)}
        self.assertEqual(styles, {f"class:sender{number}" for number in range(6)})
        self.assertEqual(self.paint("x")[1][0], self.paint("y")[1][0])
        for style in styles:
            self.assertIn(style.removeprefix("class:"), painting.STYLE)

    def test_a_day_is_written_out(self) -> None:
        self.assertEqual(painting.day_of(message(0, "bob", "x")), "Friday, 15 January 2027")
        self.assertRegex(painting.today(), r"^[A-Z][a-z]+day, \d{1,2} [A-Z][a-z]+ \d{4}$")

    def test_a_long_content_is_shortened(self) -> None:
        self.assertEqual(painting.shortened("x" * 50), "x" * 39 + "…")
        self.assertEqual(painting.shortened("a\nb"), "a\\nb")
