"""Values of options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gim import units
from gim.config import types
from gim.net import endpoints

Read = Callable[[str], Any]
READERS = (
    units.duration,
    units.size,
    units.count,
    units.count_or_zero,
    types.switch,
    types.header_name,
    endpoints.read,
)


class ValueCase(SynchronousTestCase):
    def assertReads(self, read: Read, expected: dict[str, Any]) -> None:
        self.assertEqual({text: read(text) for text in expected}, expected)

    def assertRefuses(self, read: Read, *texts: str) -> None:
        for text in texts:
            refused = self.assertRaises(ValueError, read, text)
            self.assertNotEqual(str(refused), "")


class AnyTextTests(ValueCase):
    """Whatever is written is a value or a ValueError."""

    @given(st.sampled_from(READERS), st.text() | st.text("0123456789.:[]=msdhkib -", max_size=12))
    def test_any_text_is_read_or_refused_with_a_sentence(self, read: Read, text: str) -> None:
        try:
            value = read(text)
        except ValueError as refused:
            self.assertGreater(len(str(refused)), 10)
        else:
            self.assertIsNotNone(value)


class NumberTests(ValueCase):
    """Durations, sizes, counts and switches."""

    def test_a_duration_has_a_unit_or_is_in_seconds(self) -> None:
        expected = {"500ms": 0.5, "2s": 2.0, "1m": 60.0, "12h": 43200.0, "30d": 2592000.0, "7": 7.0}
        self.assertReads(units.duration, expected)
        self.assertReads(units.duration, {"1.5": 1.5, ".5s": 0.5, "2.": 2.0, "0.5m": 30.0, "2 s": 2.0})

    def test_a_duration_is_from_a_millisecond_to_a_year(self) -> None:
        self.assertReads(units.duration, {"1ms": 0.001, "365d": 365 * 86400.0, "31536000": 31_536_000.0})
        self.assertRefuses(units.duration, "0", "0s", "0.9ms", "366d", "31536001", "9" * 400)

    def test_what_is_no_duration_is_refused(self) -> None:
        bad = "s -1 +1 1e3 inf nan 1M 1w 1,5 1..5 1s1 0x1 \u0663"
        self.assertRefuses(units.duration, "", "1 week", *bad.split())

    def test_a_size_has_a_unit_or_is_in_bytes(self) -> None:
        expected = {"4096": 4096, "10b": 10, "64KiB": 65536, "64kib": 65536, "1kB": 1000, "1MB": 1000000}
        self.assertReads(units.size, expected)

    def test_a_size_is_from_a_byte_to_a_gibibyte(self) -> None:
        self.assertReads(units.size, {"1": 1, "1024MiB": 2**30, "1073741824": 2**30})
        self.assertRefuses(units.size, "0", "0KiB", "1025MiB", "1073741825", "9" * 400)

    def test_what_is_no_size_is_refused(self) -> None:
        self.assertRefuses(units.size, "", "KiB", "-1", "1.5KiB", "1GiB", "1 K", "0x10", "\u0663")

    def test_a_count_is_a_whole_number_from_1(self) -> None:
        self.assertReads(units.count, {"1": 1, "10000": 10_000, "9" * 15: 10**15 - 1, "007": 7})
        bad = ("", " 1", "0", "00", "-1", "1.0", "1_0", "1e3", "²", "\u0663", "9" * 16)
        self.assertRefuses(units.count, *bad)

    def test_a_count_may_be_0_where_that_means_something(self) -> None:
        self.assertReads(units.count_or_zero, {"0": 0, "1": 1})
        self.assertRefuses(units.count_or_zero, "-1", "-0", "", "none")

    def test_a_switch_is_true_or_false(self) -> None:
        self.assertReads(types.switch, {"true": True, "True": True, "false": False, "FALSE": False})
        self.assertRefuses(types.switch, "", "1", "0", "yes", "on", "true ")

    def test_a_header_name_is_a_token(self) -> None:
        self.assertReads(types.header_name, {name: name for name in ("trace", "X-Trace-Id", "a1_b.c~!")})
        self.assertRefuses(types.header_name, "", "a b", "trace:", "a\n", "é", '"a"', "a,b", "a/b")


class PartyTests(SynchronousTestCase):
    def test_what_is_empty_is_refused(self) -> None:
        for read in types.path, types.party, types.audience:
            self.assertEqual(read("x"), "x")
            for text in "", " ":
                self.assertIn("empty", str(self.assertRaises(ValueError, read, text)))

    def test_the_audiences_of_gim_itself_are_refused(self) -> None:
        for text in "gim-http", "gim-http-open":
            self.assertRaises(ValueError, types.audience, text)
