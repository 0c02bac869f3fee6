"""Names of users and chatrooms, and the lists of code points that ids and names are checked by."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable
from functools import cache
from itertools import groupby

from twisted.trial.unittest import SynchronousTestCase

from gim.characters import INVISIBLE, NOT_IN_NAMES, NOT_PRINTABLE, class_of
from gim.errors import BadRequest
from gim.ids import is_id
from gim.names import check_name
from tests.support.pipe import GatewayTestCase

GOOD = (
    "",
    "Ann",
    "Ann B.",
    " a ",
    "张三",
    "é",
    "e\u0301",
    "👩\u200d🚀",
    "❤\ufe0f",
    "\ue000",
    "System 2",
    "the system",
)
CONTROLS = ("\0", "a\tb", "a\nb", "a\r\nb", "\x1b[31m", "a\x85", "a\u2028b", "a\u2029")
BIDI = ("\u202eann", "a\u200fb", "\u2066a\u2069", "a\u061c", "\u200e")
BLANK = (
    " ",
    "\u3000",
    "\u200b",
    "\u200d\ufeff",
    "\u00ad",
    "\u2800",
    "\u3164",
    "\ufe0f",
    "\U000e0041",
    " \u00a0",
)
SYSTEM = ("system", "System", " SYSTEM ", "sys\u200btem", "\ufeffsystem", "\u017fystem")


def members(ranges: tuple[tuple[int, int], ...]) -> set[int]:
    return {code for first, last in ranges for code in range(first, last + 1)}


@cache
def codes_by(property_of: Callable[[str], str]) -> dict[str, list[int]]:
    """Return all code points by a property of theirs."""
    found: dict[str, list[int]] = {}
    for value, run in groupby(range(sys.maxunicode + 1), lambda code: property_of(chr(code))):
        found.setdefault(value, []).extend(run)
    return found


class NameTests(SynchronousTestCase):
    def test_what_people_call_themselves_is_a_name(self) -> None:
        for name in GOOD:
            self.assertEqual(check_name(name, "name"), name)

    def test_each_refusal_names_the_field_and_says_why(self) -> None:
        for names, reason in (
            ((*CONTROLS, *BIDI), "leave out U+"),
            (BLANK, "want a visible character"),
            (SYSTEM, "is the administrator's name"),
        ):
            for name in names:
                refused = str(self.assertRaises(BadRequest, check_name, name, "name"))
                self.assertTrue(refused.startswith("name: "), ascii(name))
                self.assertIn(reason, refused, ascii(name))
                self.assertTrue(refused.isprintable(), ascii(name))


class CharacterTests(SynchronousTestCase):
    """The lists beside the tables of the Python that runs the tests."""

    def codes(self, *categories: str) -> set[int]:
        """Return the code points of these categories."""
        by_category = codes_by(unicodedata.category)
        return set[int]().union(*(by_category[category] for category in categories))

    def test_what_is_printable_by_any_version_of_unicode_can_be_in_an_id(self) -> None:
        unprintable = self.codes("Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs") - {ord(" ")}
        assigned = members(NOT_PRINTABLE) - self.codes("Cn")
        self.assertEqual(assigned ^ unprintable, set())
        self.assertFalse(any(chr(code).isprintable() for code in members(NOT_PRINTABLE)))

    def test_characters_that_are_not_assigned_yet_can_be_in_an_id(self) -> None:
        for code in 0x1FAE8, 0x1FAE9, 0x0378, 0x40000 - 0x10, 0x2FE0:
            self.assertTrue(is_id(chr(code)), f"U+{code:04X}")
        for code in 0x2065, 0xFFF0, 0xE0080, 0xFDD0, 0x3FFFE, 0x10FFFF:
            self.assertFalse(is_id(chr(code)), f"U+{code:04X}")

    def test_the_fast_way_for_ascii_has_the_same_result(self) -> None:
        forbidden = re.compile(class_of(NOT_PRINTABLE, " :/"))
        for code in range(128):
            text = f"a{chr(code)}"
            self.assertEqual(is_id(text), forbidden.search(text) is None, ascii(text))

    def test_controls_and_directions_are_those_of_unicode(self) -> None:
        kinds = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
        by_kind = codes_by(unicodedata.bidirectional)
        directions = set[int]().union(*(by_kind[kind] for kind in kinds))
        self.assertEqual((directions | self.codes("Cc", "Zl", "Zp", "Cs")) - members(NOT_IN_NAMES), set())

    def test_spaces_and_formats_are_invisible(self) -> None:
        signs = members(((0x0600, 0x08E2), (0x110BD, 0x110CD), (0x13430, 0x1343F), (0xFFF9, 0xFFFB)))
        self.assertEqual(self.codes("Cc", "Cf", "Zs", "Zl", "Zp") - members(INVISIBLE) - signs, set())


class EverywhereTests(GatewayTestCase):
    """Each way to give a name."""

    def test_no_request_takes_a_bad_name(self) -> None:
        ann = self.user("ann")
        self.data(ann, 301, id="den")
        for name in "a\nb", "\u202ea", "\u200b", "system":
            for op, body in (101, {"id": "ann"}), (301, {"id": "new"}), (307, {"id": "den"}):
                code, message = self.refusal(ann, op, name=name, **body)
                self.assertEqual((code, message.partition(": ")[0]), (400, "name"), (op, ascii(name)))
