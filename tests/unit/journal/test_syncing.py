"""When the journal syncs, what waits for that, and what follows when the disk is slow or fails."""

from __future__ import annotations

import os
from collections.abc import Callable
from errno import EIO, ENOSPC
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from gim.errors import Unavailable
from gim.journal import segment as segments
from gim.journal import syncing
from gim.journal.files import read_file
from gim.journal.records import encode, fields, records
from gim.journal.settings import SyncPolicy
from gim.journal.sums import SUM_SIZE
from gim.journal.syncing import Syncing
from tests.support.journal.directories import SEGMENT_SIZE, DirectoryTestCase
from tests.support.journal.threads import OnDemand

_FAILURE = OSError(EIO, os.strerror(EIO))


class SyncingTestCase(DirectoryTestCase):
    """A journal whose thread runs when the test says so, with what was called and why it stopped."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.threads = OnDemand()
        self.called: list[Any] = []
        self.stopped: list[str] = []

    def begin(self, sync: SyncPolicy = "always", segment_size: int = SEGMENT_SIZE) -> Syncing:
        """Return what syncs a new journal, after its first sync."""
        self.log_ = self.journal(segment_size, sync, self.threads)
        self.syncing = Syncing(self.log_, self.clock, self.stopped.append)
        self.syncing.startService()
        self.threads.work_off()
        return self.syncing

    def append(self, *texts: str) -> None:
        for text in texts:
            self.log_.append(encode([1, text]))

    def hold(self, name: str) -> None:
        self.syncing.hold(self.called.append, name)

    def failing(self, *errors: Exception | None) -> Any:
        """Have the next syncs of files fail, None for one that does not."""
        real, left = os.fdatasync, list(errors)

        def fdatasync(file: int) -> None:
            error = left.pop(0) if left else None
            if error is not None:
                raise error
            real(file)

        return patch("os.fdatasync", side_effect=fdatasync)

    def texts(self) -> list[str]:
        """Return what the next start would find."""
        found = self.repaired_logs()
        return [one[1] for one in found if one[0] == 1]

    def repaired_logs(self) -> list[list[Any]]:
        survey = self.survey()
        self.assertEqual(survey.problems, [])
        return [
            fields(payload)
            for log in survey.logs
            for offset, payload in records(read_file(log.path)[: log.end])
        ]


class GroupCommitTests(SyncingTestCase):
    """What waits is served in its order, by as few syncs as possible."""

    def test_a_call_waits_for_the_sync_that_begins_with_it(self) -> None:
        self.begin()
        self.append("a")
        self.hold("a")
        self.assertEqual((self.called, len(self.threads)), ([], 1))
        self.threads.work()
        self.assertEqual((self.called, len(self.threads)), (["a"], 0))

    def test_all_that_comes_meanwhile_shares_the_next_sync(self) -> None:
        syncing = self.begin()
        before = syncing.count
        for text in "abcdef":
            self.append(text)
            self.hold(text)
        self.threads.work()
        self.assertEqual(self.called, ["a"])
        self.threads.work()
        self.assertEqual((self.called, syncing.count - before), (list("abcdef"), 2))
        self.assertEqual((len(syncing.unsynced), syncing.unsynced_bytes), (0, 0))

    def test_what_comes_during_each_of_many_syncs_waits_for_the_next_one(self) -> None:
        self.begin()
        self.append("a")
        self.hold("a")
        for earlier, later in zip("abc", "bcd", strict=True):
            self.append(later)
            self.hold(later)
            self.threads.work()
            self.assertEqual(self.called[-1], earlier)
        self.threads.work()
        self.assertEqual((self.called, len(self.threads)), (list("abcd"), 0))

    def test_the_next_sync_begins_before_what_waited_is_served(self) -> None:
        self.begin()
        self.append("a")
        self.syncing.hold(lambda _: self.called.append(len(self.threads)), "a")
        self.append("b")
        self.hold("b")
        self.threads.work()
        self.assertEqual(self.called, [1])

    def test_what_needs_only_the_sync_under_way_does_not_wait_for_another(self) -> None:
        syncing = self.begin()
        before = syncing.count
        self.append("a")
        self.hold("a")
        self.hold("read")
        self.threads.work()
        self.assertEqual((self.called, syncing.count - before), (["a", "read"], 1))

    def test_a_read_of_what_is_not_covered_waits_for_the_next_sync(self) -> None:
        self.begin()
        self.append("a")
        self.hold("a")
        self.append("b")
        self.hold("read")
        self.threads.work()
        self.assertEqual(self.called, ["a"])
        self.threads.work()
        self.assertEqual(self.called, ["a", "read"])

    def test_what_is_held_while_others_are_served_comes_after_them(self) -> None:
        self.begin()

        def again(name: str) -> None:
            self.called.append(name)
            self.hold("read by " + name)
            self.append("by " + name)
            self.hold("written by " + name)

        self.append("a")
        self.syncing.hold(again, "a")
        self.hold("b")
        self.threads.work()
        self.assertEqual(self.called, ["a", "b", "read by a"])
        self.threads.work()
        self.assertEqual(self.called, ["a", "b", "read by a", "written by a"])

    def test_a_fault_of_one_call_leaves_the_others(self) -> None:
        self.begin()
        self.append("a")
        self.syncing.hold(lambda _: 1 / 0, "a")
        self.hold("b")
        self.threads.work()
        self.assertEqual(self.called, ["b"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_nothing_waits_when_all_is_synced(self) -> None:
        self.begin()
        self.successResultOf(self.syncing.synced())
        self.assertEqual(len(self.threads), 0)

    def test_a_file_that_was_filled_meanwhile_is_synced_and_finished(self) -> None:
        self.begin()
        self.append("a" * 1000)
        end = self.log_.position[1]
        self.log_.roll()
        self.append("b")
        self.hold("b")
        with patch("os.fdatasync", side_effect=os.fdatasync) as fdatasync:
            self.threads.work_off()
        self.assertEqual((self.called, fdatasync.call_count), (["b"], 2))
        self.assertEqual((self.log_.closed, os.stat(self.log()).st_size), ([], end + SUM_SIZE))
        self.assertEqual(self.log_.synced, self.log_.position)


class FaultTests(SyncingTestCase):
    """A fault of gim after a sync."""

    def test_it_stops_the_server_rather_than_let_all_wait_for_ever(self) -> None:
        self.begin()
        self.append("a")
        result = self.syncing.synced()
        self.syncing.unsynced.clear()
        self.threads.work()
        self.failureResultOf(result, Unavailable)
        self.assertEqual(len(self.stopped), 1)
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 1)


class PolicyTests(SyncingTestCase):
    """When a sync begins that nothing waits for."""

    def syncs_after(self, *steps: float) -> list[int]:
        before, counts = self.syncing.count, []
        for seconds in steps:
            self.clock.advance(seconds)
            self.threads.work_off()
            counts.append(self.syncing.count - before)
        return counts

    def test_each_interval_when_anything_was_written(self) -> None:
        self.begin(sync=1.0)
        self.append("a")
        self.assertEqual(self.syncs_after(0.5, 0.4, 0.1, 1, 1), [0, 0, 1, 1, 1])
        self.append("b")
        self.assertEqual(self.syncs_after(1), [1])
        self.assertEqual(len(self.syncing.unsynced), 0)

    def test_an_interval_may_be_short_or_long(self) -> None:
        self.begin(sync=0.1)
        self.append("a")
        self.assertEqual(self.syncs_after(0.1), [1])

    def test_an_interval_that_is_long(self) -> None:
        self.begin(sync=10.0)
        self.append("a")
        self.assertEqual(self.syncs_after(9.5, 0.5), [0, 1])

    def test_always_also_syncs_what_nothing_waits_for(self) -> None:
        self.begin(sync="always")
        self.append("a")
        self.assertEqual(self.syncs_after(1), [1])

    def test_no_syncs_only_files_that_are_full(self) -> None:
        self.begin(sync="no")
        self.append("a")
        self.assertEqual(self.syncs_after(1, 1), [0, 0])
        self.assertEqual(len(self.syncing.unsynced), 0)
        self.log_.roll()
        self.assertEqual(self.syncs_after(1, 1), [1, 1])
        self.assertEqual(self.log_.closed, [])

    def test_much_that_waits_is_synced_before_its_time(self) -> None:
        self.patch(syncing, "MAX_UNSYNCED", SEGMENT_SIZE)
        self.begin(sync=60.0)
        for _ in range(140):
            self.append("x" * 1000)
        self.assertEqual(len(self.threads), 1)
        self.threads.work_off()
        self.assertLess(self.syncing.unsynced_bytes, SEGMENT_SIZE)

    def test_what_waits_for_a_slow_sync_has_a_limit(self) -> None:
        self.patch(syncing, "MAX_UNSYNCED", SEGMENT_SIZE)
        self.patch(syncing, "MAX_BEHIND", 2 * SEGMENT_SIZE)
        self.begin(sync=60.0)
        with self.assertRaisesRegex(Unavailable, "slow"):
            for _ in range(300):
                self.append("x" * 1000)
        self.threads.work_off()
        self.append("x" * 1000)

    def test_a_stop_syncs_what_is_left(self) -> None:
        self.begin(sync=60.0)
        self.append("a")
        stopped: Deferred[Any] = self.syncing.stopService()
        self.assertNoResult(stopped)
        self.threads.work()
        self.successResultOf(stopped)
        self.assertEqual(self.log_.synced, self.log_.position)


class SlowDiskTests(SyncingTestCase):
    """A sync that does not end."""

    def test_one_warning_and_it_goes_on(self) -> None:
        self.begin(sync=1.0)
        self.append("a")
        with capturedLogs() as lines:
            self.clock.pump([0.5] * 10)
        self.assertEqual(len(lines), 1)
        self.assertIn("is slow: a sync has not ended after 2.5 s", formatEvent(lines[0]))
        self.threads.work()
        self.assertEqual(self.log_.synced, self.log_.position)

    def test_with_a_short_interval_results_wait_no_less(self) -> None:
        self.begin(sync=0.01)
        self.append("a")
        self.clock.advance(0.01)
        result = self.syncing.synced()
        self.clock.pump([0.01] * 149)
        self.assertNoResult(result)
        self.clock.pump([0.01] * 2)
        self.failureResultOf(result, Unavailable)
        self.threads.work_off()

    def test_results_are_unknown_in_time_and_announcements_wait(self) -> None:
        self.begin()
        self.append("a")
        result = self.syncing.synced()
        self.hold("news")
        self.clock.pump([0.5] * 3)
        self.assertNoResult(result)
        self.append("b")
        later = self.syncing.synced()
        self.clock.advance(0.5)
        self.failureResultOf(result, Unavailable)
        self.assertNoResult(later)
        self.threads.work_off()
        self.successResultOf(later)
        self.assertEqual(self.called, ["news"])

    def test_the_time_of_the_last_and_of_the_longest_sync(self) -> None:
        times = iter([10.0, 13.0, 20.0, 20.5])
        self.begin()
        self.patch(syncing, "perf_counter", lambda: next(times))
        for _ in range(2):
            self.append("a")
            self.hold("a")
            self.threads.work()
        self.assertEqual((self.syncing.last_seconds, self.syncing.longest_seconds), (0.5, 3.0))


class FailingDiskTests(SyncingTestCase):
    """A sync that fails: the kernel tells that once, and may have dropped what it could not write."""

    def test_all_since_the_last_good_sync_is_written_again_to_a_new_file(self) -> None:
        self.begin()
        self.append("synced")
        self.hold("synced")
        self.threads.work()
        valid = self.log_.position[1]
        self.append("a")
        self.hold("a")
        self.append("b")
        self.hold("b")
        with self.failing(_FAILURE):
            self.threads.work()
        self.assertEqual((self.called, self.log_.position[0]), (["synced"], 2))
        self.append("c")
        self.threads.work_off()
        self.assertEqual(self.called, ["synced", "a", "b"])
        self.lose(self.log(1), valid)
        self.assertEqual(self.texts(), ["synced", "a", "b", "c"])
        self.assertEqual(self.stopped, [])

    def test_files_that_were_filled_since_are_replaced(self) -> None:
        self.begin()
        self.append("synced")
        self.hold("synced")
        self.threads.work()
        valid = self.log_.position[1]
        texts = [f"{number} {'x' * 1000}" for number in range(150)]
        self.append(*texts)
        self.hold("all")
        self.assertEqual(self.log_.position[0], 3)
        with self.failing(None, _FAILURE):
            self.threads.work()
        self.threads.work_off()
        self.assertEqual((self.called, self.log_.closed), (["synced", "all"], []))
        self.lose(self.log(1), valid)
        self.assertEqual(self.texts(), ["synced", *texts])
        self.assertLess(os.stat(self.log(2)).st_size, 100)
        self.assertLess(os.stat(self.log(3)).st_size, 100)

    def test_a_crash_before_the_new_file_is_synced_loses_nothing(self) -> None:
        self.begin()
        self.append("synced")
        self.hold("synced")
        self.threads.work()
        self.append("a")
        self.hold("a")
        with self.failing(_FAILURE):
            self.threads.work()
        self.assertEqual(self.texts()[:1] + self.texts()[-1:], ["synced", "a"])

    def test_a_failure_later_on_is_put_right_as_well(self) -> None:
        self.begin()
        for text in "abc":
            self.append(text)
            self.hold(text)
            with self.failing(_FAILURE):
                self.threads.work()
            self.threads.work_off()
        self.assertEqual((self.called, self.stopped, self.syncing.failures), (list("abc"), [], 3))
        self.assertEqual(self.texts(), list("abc"))

    def test_a_second_failure_stops_the_server_and_acknowledges_nothing(self) -> None:
        self.begin()
        self._fails_for_good(lambda: self.failing(_FAILURE, _FAILURE))

    def test_a_new_file_that_can_not_be_made_stops_the_server(self) -> None:
        self.begin()
        full = patch("gim.journal.segment.make", side_effect=OSError(ENOSPC, os.strerror(ENOSPC)))
        with full:
            self._fails_for_good(lambda: self.failing(_FAILURE))

    def test_a_disk_that_is_full_meanwhile_leaves_the_old_files_as_they_are(self) -> None:
        self.begin()
        texts = [f"{number} " + "x" * 1000 for number in range(2 * SEGMENT_SIZE // 1000)]
        self.append(*texts)
        self.patch(segments, "CHUNK", 4096)
        extend, ends = segments.Segment.extend, list[int]()

        def extend_once(segment: segments.Segment, end: int) -> None:
            ends.append(end)
            if len(ends) > 1:
                raise OSError(ENOSPC, os.strerror(ENOSPC))
            extend(segment, end)

        def break_() -> Any:
            self.patch(segments.Segment, "extend", extend_once)
            return self.failing(_FAILURE)

        self._fails_for_good(break_)
        self.assertEqual((len(ends), self.texts()), (2, [*texts, "a"]))

    def _fails_for_good(self, break_: Callable[[], Any]) -> None:
        self.append("a")
        result = self.syncing.synced()
        self.hold("news")
        with break_():
            self.threads.work_off()
        self.failureResultOf(result, Unavailable)
        self.assertEqual((self.called, len(self.stopped)), ([], 1))
        self.assertTrue(self.syncing.unsynced)  # so reads wait as well, and are refused
        self.assertIn(f"--data-dir: the disk of {self.path} fails", self.stopped[0])
        self.log_.retry()
        self.assertRaises(Unavailable, self.append, "b")
        self.failureResultOf(self.syncing.synced(), Unavailable)
        self.successResultOf(self.syncing.stopService())

    def test_what_an_earlier_process_wrote_is_synced_first_and_must_be(self) -> None:
        self.written([1, "earlier"])
        with self.failing(_FAILURE):
            self.begin()
        self.assertEqual(len(self.stopped), 1)

    def test_with_no_it_goes_on(self) -> None:
        self.begin(sync="no")
        self.append("a")
        self.log_.roll()
        with self.failing(_FAILURE):
            self.clock.advance(1)
            self.threads.work_off()
        self.append("b")
        self.assertEqual((self.stopped, self.log_.closed), ([], []))

    def test_a_fault_that_is_not_the_disk_stops_the_server(self) -> None:
        self.begin()
        self._fails_for_good(lambda: self.failing(ValueError("a fault")))

    def lose(self, path: str, valid: int) -> None:
        """Have what a failed sync did not take to the disk be lost."""
        size = os.stat(path).st_size
        with open(path, "r+b") as file:
            file.seek(valid)
            file.write(b"\x93" * max(size - valid, 100))
