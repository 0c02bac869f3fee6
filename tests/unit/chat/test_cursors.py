"""Cursors of listings."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gim.chat.cursors import read_cursor, read_position, write_cursor
from gim.errors import BadRequest
from tests.support.world import ChatTestCase, result_of

texts = st.text(st.characters(exclude_categories=["Cs"]))
DEPTH = 50_000  # more than any version of Python reads: 3.13 reads some 10,000
PLACE = ("0" * 32, "2:ann:bob")


def cursor_of(value: Any) -> str:
    """Write any JSON value, or text that should be one, the way that a cursor is written."""
    text = value if isinstance(value, str) else json.dumps(value)
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


class CursorTests(SynchronousTestCase):
    def assertForeign(self, cursor: str, kind: str = "s", size: int = 2) -> None:
        refused = self.assertRaises(BadRequest, read_cursor, kind, cursor, size)
        self.assertEqual((refused.code, str(refused).partition(": ")[0]), (400, "cursor"))

    def test_the_empty_cursor_is_the_first_page_and_the_end(self) -> None:
        self.assertEqual(write_cursor("s", None), "")
        self.assertIsNone(read_cursor("s", "", 2))

    @given(st.lists(texts, max_size=3))
    def test_a_place_is_read_as_it_was_written(self, place: list[str]) -> None:
        cursor = write_cursor("s", tuple(place))
        self.assertEqual(read_cursor("s", cursor, len(place)), tuple(place))
        self.assertRegex(cursor, r"\A[A-Za-z0-9_-]+\Z")  # it needs no escapes in a query

    @given(texts, texts)
    def test_two_places_have_two_cursors(self, one: str, other: str) -> None:
        same = write_cursor("m", (one,)) == write_cursor("m", (other,))
        self.assertEqual(same, one == other)

    def test_the_cursor_of_another_listing_is_refused(self) -> None:
        self.assertForeign(write_cursor("m", PLACE))
        self.assertForeign(write_cursor("S", PLACE))
        self.assertForeign(write_cursor("s", PLACE), kind="")

    def test_a_place_of_another_size_is_refused(self) -> None:
        for place in ((), PLACE[:1], (*PLACE, "x")):
            self.assertForeign(write_cursor("s", place))

    def test_what_was_made_up_is_refused(self) -> None:
        for value in (None, 5, "x", [], {}, ["s"], {"kind": "s", "place": PLACE}):
            self.assertForeign(cursor_of(value))
        for place in (None, 5, "ab", {}, ["a", 5], ["a", None], [["a"], "b"]):
            self.assertForeign(cursor_of(["s", place]))
        for text in ('["s",["a","\\ud800"]]', '["s",["a","b"]', '["s",["a","b"]]]', "{}{}"):
            self.assertForeign(cursor_of(text))

    def test_a_cursor_cut_short_is_refused(self) -> None:
        cursor = write_cursor("s", PLACE)
        for length in range(1, len(cursor)):
            self.assertForeign(cursor[:length])

    @given(st.text(st.characters(exclude_categories=()), min_size=1) | st.text("Wy-_=A ", min_size=1))
    def test_any_other_text_is_refused(self, text: str) -> None:
        self.assertForeign(text)

    @given(st.binary(min_size=1))
    def test_any_other_bytes_are_refused(self, content: bytes) -> None:
        self.assertForeign(urlsafe_b64encode(content).decode())

    def test_deep_nesting_is_refused(self) -> None:
        for before in ("", "[", '["s",', '["s",["a",', '["s",["a","b"],'):
            for after in ("", "]" * DEPTH + "]"):
                self.assertForeign(cursor_of(before + "[" * DEPTH + after))


class PositionTests(SynchronousTestCase):
    """Cursors of lists of sessions."""

    def test_a_rank_is_an_id_or_the_beginning_of_one(self) -> None:
        for rank in ("0123456789abcdef" * 2, "0123456789abcdef"):
            place = (rank, "2:ann:bob")
            self.assertEqual(read_position("s", write_cursor("s", place)), place)
        self.assertIsNone(read_position("s", ""))

    def test_any_other_rank_is_refused(self) -> None:
        for rank in ("zz", "", "0" * 15, "0" * 33, "A" * 16, " " * 16, "0" * 16 + "\n", "٣" * 16):
            refused = self.assertRaises(
                BadRequest, read_position, "s", write_cursor("s", (rank, "2:ann:bob"))
            )
            self.assertEqual(str(refused).partition(": ")[0], "cursor")


class ChatTests(ChatTestCase):
    def test_a_forged_cursor_is_refused(self) -> None:
        for place in (("zz", "2:ann:bob"), ("", "")):
            with self.assertRaises(BadRequest):
                result_of(self.chat.sessions("ann", 10, write_cursor("s", place), None))
