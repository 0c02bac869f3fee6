"""Lines that are broken between words."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gim.cli.chat.wrapping import wrapped


class WrappingTests(SynchronousTestCase):
    def text(self, *parts: str, width: int = 20) -> str:
        return "".join(text for _, text in wrapped([("", part) for part in parts], width))

    def test_a_line_that_fits_stays_as_it_is(self) -> None:
        self.assertEqual(self.text("08:00 ", "Bob: ", "12345 789"), "08:00 Bob: 12345 789")
        self.assertEqual(self.text("a  b", "  c"), "a  b  c")

    def test_a_longer_one_breaks_between_words(self) -> None:
        self.assertEqual(self.text("08:00 ", "Bob: ", "12345 7890"), "08:00 Bob: 12345\n      7890")
        five = "one two three four five"
        self.assertEqual(self.text("08:00 ", five), "08:00 one two three\n      four five")

    def test_a_line_that_the_user_broke_begins_anew(self) -> None:
        self.assertEqual(self.text("08:00 ab\n      code  of 20\n"), "08:00 ab\n      code  of 20\n")

    def test_a_word_that_no_line_holds_stays_whole(self) -> None:
        link = "https://example.com/a"
        self.assertEqual(self.text("08:00 see ", f"{link} now"), f"08:00 see {link} now")
        self.assertEqual(self.text(f"08:00 {link} 12 abc 34 6789"), f"08:00 {link} 12 abc 34\n      6789")

    def test_a_terminal_without_room_for_the_indent_breaks_by_itself(self) -> None:
        self.assertEqual(self.text("08:00 Bob: one two", width=5), "08:00 Bob: one two")

    def test_wide_characters_take_two_columns(self) -> None:
        self.assertEqual(self.text("08:00 Bob: 你好 你好"), "08:00 Bob: 你好 你好")
        self.assertEqual(self.text("08:00 Bob: 你好 한국", width=19), "08:00 Bob: 你好\n      한국")

    def test_characters_of_chinese_are_words_and_keep_what_closes_them(self) -> None:
        self.assertEqual(self.text("08:00 Bob: 你好你好吗今天"), "08:00 Bob: 你好你好\n      吗今天")
        self.assertEqual(self.text("08:00 Bob: 你好你好。今天"), "08:00 Bob: 你好你\n      好。今天")
        self.assertEqual(self.text("08:00 Bob: 你好 gim。好"), "08:00 Bob: 你好\n      gim。好")

    def test_styles_are_kept(self) -> None:
        line = [("time", "08:00 "), ("me", "Ann: "), ("", "one two three")]
        found = wrapped(line, 20)
        self.assertEqual([style for style, text in found if text.strip()], ["time", "me", "", "", ""])
        self.assertEqual("".join(text for _, text in found), "08:00 Ann: one two\n      three")
