"""Ids of users, chatrooms, sessions and messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gim.errors import BadRequest
from gim.ids import (
    CHATROOM,
    PRIVATE,
    SYSTEM,
    Session,
    chatroom_session,
    check_id,
    check_message_id,
    is_id,
    private_session,
    session,
)

GOOD = ("1001", "a", "é", "...", ".a", "a.b", "-", "%2F", "\\", "?&#", "null", "[1]", "x" * 64, "😀" * 64)
SPACES = "\t\n\r\0\x7f\x85\xa0\u2003\u2028\u3000\ufeff\u200b"  # and what cannot be seen either
STRANGE = "\ud800\ue000\U0010ffff"  # a lone surrogate, private use, no character
BAD = ("", "x" * 65, ".", "..", "a:b", ":", "a/b", "/", " ", "a b", " a", "a ", *SPACES, *STRANGE)
ids = st.text(min_size=1, max_size=64).filter(is_id)


class IdTests(SynchronousTestCase):
    """Ids of users and chatrooms."""

    def test_printable_characters_make_an_id(self) -> None:
        for text in GOOD:
            self.assertTrue(is_id(text), text)
            self.assertEqual(check_id(text, "id"), text)

    def test_white_space_separators_and_dots_alone_make_none(self) -> None:
        for text in BAD:
            self.assertFalse(is_id(text), repr(text))

    def test_a_refusal_names_the_field(self) -> None:
        for field in ("id", "target_id"):
            refused = self.assertRaises(BadRequest, check_id, "a b", field)
            self.assertEqual((str(refused).partition(": ")[0], refused.code), (field, 400))

    @given(st.text(st.characters(exclude_categories=())))
    def test_an_id_can_be_written_and_holds_nothing_that_divides(self, text: str) -> None:
        if is_id(text):
            self.assertEqual(text.split(), [text])
            self.assertFalse(set(text) & set(":/ "))
            self.assertEqual(text.encode().decode(), text)
            self.assertTrue(1 <= len(text) <= 64)

    @given(ids, st.sampled_from(": /\t\n\0\u2028"), st.integers(0, 64))
    def test_one_character_that_is_not_allowed_is_enough(self, text: str, bad: str, at: int) -> None:
        self.assertFalse(is_id(text[:at] + bad + text[at:]))


class MessageIdTests(SynchronousTestCase):
    """Ids of messages."""

    def test_32_lower_case_hex_digits_make_one(self) -> None:
        for text in ("0" * 32, "f" * 32, "0189abcdef" + "7" * 22):
            self.assertEqual(check_message_id(text, "since"), text)

    def test_anything_else_is_refused_with_the_name_of_the_field(self) -> None:
        hyphened = "01890000-0000-7000-8000-000000000000"
        x = "0" * 31
        for text in ("", x, x + "00", x + "0\n", " " + x, x + "g", "F" * 32, hyphened):
            refused = self.assertRaises(BadRequest, check_message_id, text, "since")
            self.assertEqual(str(refused).partition(": ")[0], "since")

    def test_digits_of_other_scripts_are_refused(self) -> None:
        self.assertRaises(BadRequest, check_message_id, "\u0661" * 32, "since")


class SessionTests(SynchronousTestCase):
    """Ids of sessions."""

    def test_a_chatroom_is_its_session(self) -> None:
        expected = Session("1:9999", CHATROOM, ("9999",))
        self.assertEqual((chatroom_session("9999"), session("1:9999")), (expected, expected))

    def test_two_people_have_one_session_in_either_order(self) -> None:
        expected = Session("2:1001:1002", PRIVATE, ("1001", "1002"))
        for one, other in (("1001", "1002"), ("1002", "1001")):
            self.assertEqual(private_session(one, other), expected)
            self.assertEqual(session(f"2:{one}:{other}"), expected)

    def test_people_are_in_order_of_code_point(self) -> None:
        for one, other in (("10", "9"), ("B", "a"), ("a", "aa"), ("z", "é"), ("\uff5e", "😀")):
            self.assertEqual(private_session(other, one).id, f"2:{one}:{other}")

    @given(ids, ids)
    def test_a_session_is_read_as_it_was_written(self, one: str, other: str) -> None:
        self.assertEqual(session(chatroom_session(one).id), chatroom_session(one))
        if one != other:
            self.assertEqual(session(private_session(one, other).id), private_session(other, one))

    @given(st.text(st.characters(exclude_categories=())) | st.text("12:ab. ", max_size=8))
    def test_any_text_is_a_session_or_refused_by_name(self, text: str) -> None:
        try:
            found = session(text)
        except BadRequest as refused:
            self.assertEqual(str(refused).partition(": ")[0], "session_id")
        else:
            self.assertTrue(all(is_id(part) or part == SYSTEM for part in found.parts))
            self.assertEqual(session(found.id), found)

    def test_what_is_no_session_is_refused(self) -> None:
        parts = (
            "1 2 a 1: 2: 2:a 2:a: 2::a 1:a:b 2:a:b:c 3:a 0:a 01:a :1:a 1:a: 1:. 1:.. 1:a/b 2:a:.. 2:.:."
        )
        for text in (*parts.split(), "", "1:a b", "2:a:b ", "\uff11:a", "1:" + "x" * 65):
            self.assertRaises(BadRequest, session, text)

    def test_nobody_has_a_session_with_themselves(self) -> None:
        refused = self.assertRaises(BadRequest, session, "2:a:a")
        self.assertEqual(str(refused).partition(": ")[0], "session_id")

    def test_each_of_two_people_is_the_peer_of_the_other(self) -> None:
        found = private_session("bob", "ann")
        self.assertEqual((found.peer_of("ann"), found.peer_of("bob")), ("bob", "ann"))
