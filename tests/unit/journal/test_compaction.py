"""Logs that are written again: what is kept, what is joined, what is damaged."""

from __future__ import annotations

import os
from collections.abc import Callable
from errno import ENOSPC
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from gim.journal import compaction
from gim.journal.compaction import Compacted, Compaction, Damaged
from gim.journal.files import TEMPORARY
from gim.journal.pace import MIN_PAUSE, Pace
from gim.journal.records import MAGIC, SUM, encode, fields, frame, records
from gim.journal.threads import AtOnce, Threads
from tests.support.journal.directories import DirectoryTestCase
from tests.support.journal.upkeep import Failing


def _even(payload: bytes) -> bytes | None:
    number = fields(payload)[1]
    return payload if isinstance(number, int) and number % 2 == 0 else None


class CompactionTestCase(DirectoryTestCase):
    """Tests that write logs again: the second field of a record is a number, even ones are kept."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.settled = 0

    def compact(
        self,
        numbers: list[int],
        keep: Callable[[bytes], bytes | None] = _even,
        threads: Threads | None = None,
    ) -> Deferred[Compacted]:
        sources = [(number, self.log(number)) for number in numbers]
        work = Compaction(sources, keep, self._settle, Pace(self.clock), threads or AtOnce())
        return Deferred.fromCoroutine(work.run())

    def _settle(self) -> Deferred[None]:
        self.settled += 1
        return succeed(None)

    def fill(self, number: int, payloads: list[list[Any]], tail: bytes = b"") -> None:
        self.put(MAGIC + b"".join(frame(encode(one)) for one in payloads) + tail, number)

    def kept(self, number: int = 1) -> list[Any]:
        found = [fields(payload) for _, payload in records(self.content(number))]
        return [value for kind, value, *_ in found[1:] if kind != SUM]


class CompactionTests(CompactionTestCase):
    """A log becomes what a function keeps of its records."""

    def test_records_that_are_kept_stay_in_their_order(self) -> None:
        self.fill(1, [[1, number, "x" * 50] for number in range(9)])
        made = self.successResultOf(self.compact([1]))
        self.assertEqual(self.kept(), [0, 2, 4, 6, 8])
        self.assertEqual((made.records, made.size), (5, os.stat(self.log()).st_size))
        self.assertEqual(made.bytes, 5 * len(frame(encode([1, 0, "x" * 50]))))
        self.assertEqual(self.settled, 1)

    def test_the_result_is_a_log_like_any_other(self) -> None:
        self.fill(3, [[1, 2]])
        self.successResultOf(self.compact([3]))
        self.assertEqual(next(records(self.content(3)))[1], encode([40, 3, None, True]))
        self.assertEqual(os.stat(self.log(3)).st_mode & 0o777, 0o600)

    def test_a_record_may_be_replaced(self) -> None:
        self.fill(1, [[1, 7, "secret"], [1, 8, "public"]])
        self.successResultOf(self.compact([1], lambda payload: encode([1, fields(payload)[1], ""])))
        self.assertEqual(self.kept(), [7, 8])
        self.assertNotIn(b"secret", self.content())

    def test_logs_are_joined_to_the_first(self) -> None:
        for number in (1, 2, 4):
            self.fill(number, [[1, 10 * number + extra] for extra in range(3)])
        self.successResultOf(self.compact([1, 2, 4]))
        self.assertEqual(self.kept(), [10, 12, 20, 22, 40, 42])
        self.assertEqual((self.kept(2), self.kept(4)), ([21, 22], [41, 42]))  # the caller removes them

    def test_logs_of_which_nothing_is_kept_become_no_log(self) -> None:
        self.fill(1, [[1, 1], [1, 3]])
        self.fill(2, [[1, 5]])
        self.assertEqual(self.successResultOf(self.compact([1, 2])), Compacted(0, 0, 0))
        self.assertEqual((len(os.listdir(self.path)), self.settled), (2, 1))

    def test_zeros_behind_the_records_go(self) -> None:
        for tail in (b"\0", bytes(7), bytes(8), bytes(3 * compaction.PORTION + 5)):
            self.fill(1, [[1, 2]], tail)
            self.successResultOf(self.compact([1]))
            self.assertEqual(self.kept(), [2])
            self.assertLess(len(self.content()), 100)

    def test_records_are_read_across_the_ends_of_portions(self) -> None:
        sent = [[1, 2 * number, "x" * (number * 37 % 400)] for number in range(300)]
        self.fill(1, sent)
        for portion in (11, 100, 1000):
            self.patch(compaction, "PORTION", portion)
            self.successResultOf(self.compact([1]))
            self.assertEqual(self.kept(), [one[1] for one in sent])

    def test_work_pauses_after_each_step(self) -> None:
        self.fill(1, [[1, 2 * number] for number in range(200)])
        self.patch(Pace, "is_over", lambda pace: True)
        made = self.compact([1])
        for _ in range(200 // compaction.RECORDS_PER_CHECK):
            self.assertNoResult(made)
            self.clock.advance(MIN_PAUSE)
        self.successResultOf(made)
        self.assertEqual(len(self.kept()), 200)


class DamageTests(CompactionTestCase):
    """A log with a record that is not valid stays as it is."""

    def check_refused(self, content: bytes) -> None:
        self.put(content)
        self.failureResultOf(self.compact([1]), Damaged)
        self.assertEqual(self.content(), content)
        self.assertEqual(os.listdir(self.path), ["log-00000001.gim"])

    def test_a_flipped_bit_anywhere_is_found(self) -> None:
        self.fill(1, [[1, number, "hello"] for number in range(4)])
        content = self.content()
        for place in range(len(content)):
            self.check_refused(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])

    def test_a_log_that_is_cut_within_a_record_is_found(self) -> None:
        self.fill(1, [[1, 1, "hello"], [1, 2, "hello"]])
        content, second = self.content(), len(frame(encode([1, 1, "hello"])))
        for cut in range(1, second):
            self.check_refused(content[:-cut])

    def test_something_behind_the_end_is_found(self) -> None:
        self.fill(1, [[1, 1]])
        self.check_refused(self.content() + bytes(20) + b"x")


class RefusingDiskTests(CompactionTestCase):
    """What the disk refuses leaves the old logs, or the new one beside some of them."""

    def test_the_first_failure_leaves_no_temporary_file(self) -> None:
        for job in range(30):
            for number in (1, 2):
                self.fill(number, [[1, number, 1], [1, 2 * number, 2]])
            threads = Failing(job, OSError(ENOSPC, "no space"))
            failed = self.compact([1, 2], threads=threads)
            if threads.count <= job:
                self.successResultOf(failed)
                self.assertGreater(job, 10)
                return
            self.failureResultOf(failed, OSError)
            self.assertNotIn(TEMPORARY, " ".join(os.listdir(self.path)))
            found = [fields(payload)[1] for number in (1, 2) for payload in self.payloads(number)]
            self.assertLessEqual({2, 4}, set(found))
        self.fail("it never ends")

    def test_nothing_is_written_to_a_disk_without_room_for_all_of_it(self) -> None:
        self.fill(1, [[1, 2]])
        disk = os.statvfs(self.path)
        room = disk.f_bavail * disk.f_frsize
        sources = [(1, self.log())]
        work = Compaction(sources, _even, self._settle, Pace(self.clock), AtOnce(), room)
        error = self.failureResultOf(Deferred.fromCoroutine(work.run()), OSError)
        self.assertEqual(error.value.errno, ENOSPC)
        self.assertEqual((self.settled, os.listdir(self.path)), (0, ["log-00000001.gim"]))

    def payloads(self, number: int) -> list[bytes]:
        if not os.path.exists(self.log(number)):
            return []
        return [payload for _, payload in records(self.content(number))]
