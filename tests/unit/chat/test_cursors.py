"""Cursors of listings."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gim.chat.cursors import read_cursor, write_cursor
from gim.chat.session_walk import MAX_ROUNDS, SessionWalk, read_walk, write_walk
from gim.errors import BadRequest
from tests.support.world import ChatTestCase, result_of

texts = st.text(st.characters(exclude_categories=["Cs"]))
DEPTH = 50_000  # more than any version of Python reads: 3.13 reads some 10,000
PLACE = ("0" * 32, "2:ann:bob")
RANKS = ("0123456789abcdef" * 2, "0123456789abcdef")


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


class WalkTests(SynchronousTestCase):
    """Cursors of lists of sessions."""

    def assertForeign(self, *place: str) -> None:
        refused = self.assertRaises(BadRequest, read_walk, write_cursor("s", place))
        self.assertEqual(str(refused).partition(": ")[0], "cursor")

    def test_a_walk_is_read_as_it_was_written(self) -> None:
        self.assertEqual(read_walk(""), SessionWalk())
        self.assertEqual(write_walk(None), "")
        for rank in RANKS:  # an id or the beginning of one
            for number in (0, MAX_ROUNDS):
                for walk in (
                    SessionWalk((rank, "2:ann:bob"), rank, rank, number),
                    SessionWalk(since=rank, round=number),
                ):
                    self.assertEqual(read_walk(write_walk(walk)), walk)

    def test_any_other_rank_is_refused(self) -> None:
        good = "0" * 16
        for rank in ("zz", "", "0" * 15, "0" * 33, "A" * 16, " " * 16, "0" * 16 + "\n", "٣" * 16):
            self.assertForeign(rank, "2:ann:bob", good, good, "0")
            self.assertForeign(good, "2:ann:bob", rank, good, "0")
            self.assertForeign(good, "2:ann:bob", good, rank, "0")
            self.assertForeign("", "", "", rank, "1")

    def test_any_other_round_is_refused(self) -> None:
        for number in ("", "-1", "x", "01", " 1", "1.0", "٣", str(MAX_ROUNDS + 1), "9" * 5000):
            self.assertForeign(*RANKS[:1], "2:ann:bob", *RANKS, number)

    def test_the_begin_of_a_round_has_no_other_place(self) -> None:
        rank = RANKS[0]
        for place in ((rank, "", ""), ("", "2:ann:bob", ""), ("", "", rank)):
            self.assertForeign(*place, rank, "1")

    def test_a_place_without_a_mark_is_refused(self) -> None:
        self.assertForeign(*PLACE)
        self.assertForeign("", "")


class ChatTests(ChatTestCase):
    def test_a_forged_cursor_is_refused(self) -> None:
        rank = RANKS[0]
        for place in (("zz", "2:ann:bob", rank, rank, "0"), ("", "", "", "", "0"), PLACE, ("", "")):
            with self.assertRaises(BadRequest):
                result_of(self.chat.sessions("ann", 10, write_cursor("s", place), None))

    def test_a_cursor_from_elsewhere_is_a_place_all_the_same(self) -> None:
        self.tell("ann", "bob", "hi")
        for walk in (
            SessionWalk(("f" * 16, "?"), "f" * 16, "0" * 16),
            SessionWalk(since="0" * 16, round=1),
        ):
            page = result_of(self.chat.sessions("ann", 10, write_walk(walk), None))
            self.assertEqual(([item.id for item in page.items], page.cursor), (["2:ann:bob"], ""))

    def test_a_session_that_moves_to_the_top_between_two_pages_comes_on_a_later_one(self) -> None:
        for peer in "bcdef":
            self.tell("ann", peer, "hi")
        first = result_of(self.chat.sessions("ann", 2, "", None))
        self.tell("b", "ann", "hi")  # the last one, on no page yet
        second = result_of(self.chat.sessions("ann", 2, first.cursor, None))
        third = result_of(self.chat.sessions("ann", 2, second.cursor, None))
        pages = [[item.title for item in page.items] for page in (first, second, third)]
        self.assertEqual((pages, third.cursor), ([["f", "e"], ["d", "c"], ["b"]], ""))
