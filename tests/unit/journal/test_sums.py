"""The checksum at the end of a log, and what a start makes of it."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch
from zlib import crc32

from gim.journal import scan, segment
from gim.journal.records import MAGIC, encode, frame, records
from gim.journal.sums import SUM_SIZE, has_valid_sum, sum_record
from tests.support.journal.directories import DirectoryTestCase

RECORDS: list[list[Any]] = [[1, f"{number:032x}", "text " * (number % 7)] for number in range(40)]


def _summed(content: bytes) -> bytes:
    return content + sum_record(crc32(content))


class SumTests(DirectoryTestCase):
    """Files end in the checksum of what they hold."""

    def test_any_byte_that_changes_is_found(self) -> None:
        content = _summed(MAGIC + b"".join(map(frame, map(encode, RECORDS[:5]))))
        self.assertTrue(has_valid_sum(content))
        for place in range(len(content)):
            changed = bytearray(content)
            changed[place] ^= 4
            self.assertFalse(has_valid_sum(bytes(changed)), place)
            self.assertFalse(has_valid_sum(content[:place]), place)

    def test_a_log_that_was_closed_is_checked_without_its_records(self) -> None:
        self.written(*RECORDS)
        counted = self.survey_counting()
        with patch.object(scan, "crc32", self.fail):
            found = self.survey()
        self.assertEqual(found.end, (1, len(self.content())))
        self.assertEqual((found.end, found.problems), (counted.end, counted.problems))
        self.assertEqual(found.logs[0].synced, (1, len(self.content()) - SUM_SIZE))
        self.assertEqual(counted.logs[0].records, len(RECORDS) + 3)  # its begin, end and checksum

    def test_a_log_that_was_written_again_after_a_stop_has_the_checksum_of_all(self) -> None:
        for _ in range(3):
            self.written(*RECORDS)
        self.assertTrue(has_valid_sum(self.content()))
        self.assertEqual(self.survey().problems, [])

    def test_full_logs_end_in_their_checksum(self) -> None:
        with patch.object(segment, "CHUNK", 4096):
            journal = self.journal()
            while journal.position[0] < 4:
                journal.append(encode([1, "x" * 500]))
            journal.finish_closed()
        for number in (1, 2, 3):
            self.assertTrue(has_valid_sum(self.content(number)), number)
        self.assertEqual([log.kind for log in self.survey().logs], ["clean"] * 4)

    def test_damage_is_found_by_record(self) -> None:
        self.written(*RECORDS)
        content = self.content()
        offset = [offset for offset, _ in records(content)][20]
        self.put(content[: offset + 20] + b"\xff" + content[offset + 21 :])
        (problem,) = self.survey().problems
        self.assertIn(f"the record at offset {offset} is damaged", problem.text)

    def test_a_checksum_that_is_half_written_before_a_crash_costs_nothing(self) -> None:
        """What a stop leaves without it is the same to the next start."""
        self.written(*RECORDS)
        content = self.content()
        for left in range(SUM_SIZE):
            self.put(content[: len(content) - SUM_SIZE + left])
            found = self.repaired().survey
            self.assertEqual((found.end, found.problems), ((1, len(content) - SUM_SIZE), []), left)
