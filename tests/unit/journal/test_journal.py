"""Appending to the log: files that fill, disks that refuse, starts that go on."""

from __future__ import annotations

import os
from errno import EIO, ENOSPC
from unittest.mock import patch

from twisted.internet.defer import Deferred

from gim.errors import Unavailable
from gim.journal.journal import Journal
from gim.journal.records import encode, fields, records
from gim.journal.sums import SUM_SIZE
from tests.support.journal.directories import SEGMENT_SIZE, DirectoryTestCase


def _payloads(content: bytes) -> list[list[object]]:
    """Return the records of a log but those that the journal writes itself."""
    found = (fields(payload) for _, payload in records(content))
    return [one for one in found if one[0] < 40]


class AppendTests(DirectoryTestCase):
    """Records are in the file as soon as they are appended."""

    def test_a_record_is_there_without_a_close(self) -> None:
        journal = self.journal()
        journal.append(encode([1, "hello"]))
        self.assertEqual(_payloads(self.content()), [[1, "hello"]])
        self.assertEqual(self.survey().end, journal.position)

    def test_a_full_file_is_followed_by_another(self) -> None:
        rolled: list[tuple[int, bytes | None]] = []
        journal = self.journal()
        journal.on_roll = lambda number, first: rolled.append((number, first))
        sent = [[1, number, "x" * 1000] for number in range(200)]
        for one in sent:
            journal.append(encode(one))
        found = self.survey()
        later = [log.number for log in found.logs[1:]]
        firsts = [encode(_payloads(self.content(number))[0]) for number in later]
        self.assertEqual(rolled, list(zip(later, firsts, strict=True)))
        self.assertEqual([log.kind for log in found.logs], ["clean"] * len(found.logs))
        every = [one for log in found.logs for one in _payloads(self.content(log.number))]
        self.assertEqual(every, sent)
        self.assertLessEqual(max(log.end for log in found.logs), SEGMENT_SIZE)

    def test_a_record_that_is_larger_than_a_file_gets_a_larger_file(self) -> None:
        journal = self.journal()
        journal.append(encode([1, "x" * 3 * SEGMENT_SIZE]))
        journal.append(encode([1, "small"]))
        found = self.survey()
        self.assertEqual([log.number for log in found.logs], [1, 2, 3])
        self.assertEqual(_payloads(self.content(3)), [[1, "small"]])

    def test_a_closed_file_is_cut_to_what_was_written(self) -> None:
        journal = self.journal()
        journal.append(encode([1, "hello"]))
        self.assertEqual(os.stat(self.log()).st_size, SEGMENT_SIZE)
        self.successResultOf(journal.close())
        self.assertEqual(os.stat(self.log()).st_size, journal.position[1] + SUM_SIZE)

    def test_nothing_comes_behind_the_end_that_a_close_writes(self) -> None:
        journal = self.journal()
        journal.append(encode([1, "hello"]))
        with patch.object(journal.threads, "run", return_value=Deferred()) as run:
            journal.close()
        with self.assertRaises(Unavailable):  # while the thread syncs
            journal.append(encode([1, "late"]))
        function, *args = run.call_args.args
        function(*args)
        with self.assertRaises(Unavailable):
            journal.append(encode([1, "later"]))
        self.assertEqual(_payloads(self.content()), [[1, "hello"]])
        self.assertEqual(len(self.content()), journal.position[1] + SUM_SIZE)

    def test_full_files_are_cut_when_they_are_finished(self) -> None:
        journal = self.journal()
        journal.append(encode([1, "hello"]))
        end = journal.position[1]
        journal.roll()
        journal.finish_closed()
        self.assertEqual(os.stat(self.log()).st_size, end + SUM_SIZE)

    def test_a_start_goes_on_in_the_last_file(self) -> None:
        self.written([1, "first"])
        self.written([1, "second"])
        journal = self.journal()
        journal.append(encode([1, "third"]))
        self.assertEqual(_payloads(self.content()), [[1, "first"], [1, "second"], [1, "third"]])

    def test_files_can_be_read_by_their_owner_only(self) -> None:
        self.written([1, "hello"])
        for name in os.listdir(self.path):
            self.assertEqual(os.stat(os.path.join(self.path, name)).st_mode & 0o777, 0o600, name)


class FailingDiskTests(DirectoryTestCase):
    """What the disk does not take is refused, and all goes on when it takes it again."""

    def test_no_space_to_fill_the_file_ahead(self) -> None:
        self._refuse_and_go_on("pwrite", OSError(ENOSPC, os.strerror(ENOSPC)), "No space left on device")

    def test_an_error_of_the_disk(self) -> None:
        self._refuse_and_go_on("pwrite", OSError(EIO, os.strerror(EIO)), "Input/output error")

    def test_no_space_for_another_file(self) -> None:
        self._refuse_and_go_on("open", OSError(ENOSPC, os.strerror(ENOSPC)), "No space left on device")

    def test_another_file_that_can_not_be_filled_is_not_left_behind(self) -> None:
        journal = self._full()
        before = sorted(os.listdir(self.path))
        with patch("gim.journal.segment.os.ftruncate", side_effect=OSError(ENOSPC, "full")):
            self.assertRaises(Unavailable, journal.append, encode([1, "x" * 2000]))
        self.assertEqual(sorted(os.listdir(self.path)), before)

    def test_a_file_that_was_removed_is_not_written_to_for_ever(self) -> None:
        journal = self.journal(segment_size=2**20)
        os.unlink(self.log())
        with self.assertRaisesRegex(Unavailable, "the log was removed"):
            for _ in range(100):
                journal.append(encode([1, "x" * 5000]))
        journal.retry()
        self.assertEqual(journal.failing, "the log was removed")

    def _full(self) -> Journal:
        """Return a journal whose file has no room for another 2,000 bytes."""
        journal = self.journal()
        while journal.position[1] < SEGMENT_SIZE - 2000:
            journal.append(encode([1, "x" * 500]))
        return journal

    def _refuse_and_go_on(self, function: str, error: OSError, reason: str) -> None:
        journal = self._full()
        count = len(_payloads(self.content()))
        with patch(f"gim.journal.segment.os.{function}", side_effect=error) as refused:
            for _ in range(3):
                with self.assertRaisesRegex(Unavailable, reason):
                    journal.append(encode([1, "x" * 2000]))
            self.assertEqual(refused.call_count, 1)
            self.assertEqual(journal.failing, reason)
            journal.retry()
            self.assertEqual((refused.call_count, journal.failing), (2, reason))
        self.assertEqual(len(_payloads(self.content())), count)
        journal.retry()
        self.assertEqual(journal.failing, "")
        journal.append(encode([1, "x" * 2000]))
        self.assertEqual(self.survey().problems, [])
        self.assertEqual(self.survey().end, journal.position)
