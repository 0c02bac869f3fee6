"""Overload of several processes."""

from __future__ import annotations

import os
import subprocess
import sys

from msgspec.structs import replace

from gim.limits import overload
from gim.limits.limits import MEMORY, REACTOR_DELAY
from gim.limits.overload import IN_A_ROW, SAMPLE_INTERVAL
from gim.workers import overload as of_workers
from gim.workers.overload import WorkerOverload, unshared
from tests.support.observed_workers import ObservedTestCase
from tests.support.settings import no_limits


class OverloadTestCase(ObservedTestCase):
    limits = replace(no_limits(), max_reactor_delay=1.0, max_memory=1000)

    def setUp(self) -> None:
        self.parents, self.workers = 100, 100  # bytes in use
        self.patch(overload, "resident", lambda statm: self.parents)
        self.patch(of_workers, "unshared", lambda statm: self.workers)
        super().setUp()
        self.watches = [self.begin(number) for number in (1, 2)]

    def begin(self, number: int) -> WorkerOverload:
        watch = WorkerOverload(self.clock, 1.0, self.join(number))
        watch.startService()
        self.addCleanup(watch.stopService)
        return watch

    def causes(self) -> list[str]:
        return [self.overload.cause, *(watch.cause for watch in self.watches)]

    def sample(self) -> None:
        for _ in range(IN_A_ROW):
            self.clock.advance(SAMPLE_INTERVAL)
        self.turn()


class MemoryTests(OverloadTestCase):
    def test_the_memory_of_all_processes_counts_together(self) -> None:
        for parents, workers, cause in (
            (800, 100, ""),
            (801, 100, MEMORY),
            (100, 450, MEMORY),
            (100, 424, ""),
            (100, 451, MEMORY),
        ):
            self.parents, self.workers = parents, workers
            self.sample()
            self.assertEqual(self.causes(), [cause] * 3)

    def test_a_worker_that_has_ended_does_not_count(self) -> None:
        self.workers = 451
        self.sample()
        self.kill(2)
        self.sample()
        self.assertEqual(self.causes()[:2], ["", ""])

    def test_a_new_worker_learns_the_state(self) -> None:
        self.workers = 451
        self.sample()
        third = self.begin(3)
        self.turn()
        self.assertEqual(third.cause, MEMORY)


class DelayTests(OverloadTestCase):
    def test_the_delay_of_the_parent_counts_for_all(self) -> None:
        for watch in self.watches:
            watch.stopService()
        for _ in range(IN_A_ROW):
            self.clock.advance(SAMPLE_INTERVAL + 2)
        self.turn()
        self.assertEqual(self.causes(), [REACTOR_DELAY] * 3)
        self.sample()
        self.assertEqual(self.causes(), [""] * 3)

    def test_the_delay_of_a_worker_counts_for_itself(self) -> None:
        self.overload.stopService()
        self.watches[1].stopService()
        for _ in range(IN_A_ROW):
            self.clock.advance(SAMPLE_INTERVAL + 2)
        self.turn()
        self.assertEqual(self.causes(), ["", REACTOR_DELAY, ""])


class SizeTests(ObservedTestCase):
    def test_a_process_that_has_ended_has_no_memory(self) -> None:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        self.addCleanup(child.kill)
        statm = os.open(f"/proc/{child.pid}/statm", os.O_RDONLY)
        self.addCleanup(os.close, statm)
        child.communicate(b"\n")
        self.assertEqual(unshared(statm), 0)

    def test_files_that_processes_share_do_not_count(self) -> None:
        statm = os.open("/proc/self/statm", os.O_RDONLY)
        self.addCleanup(os.close, statm)
        before = unshared(statm)
        self.assertLess(before, overload.resident(statm))
        block = b"x" * (50 * 2**20)
        self.assertGreater(unshared(statm), before + len(block) // 2)

    def test_without_a_bound_no_file_is_open(self) -> None:
        self.join(1)
        self.assertEqual(self.overload._statms, {})
