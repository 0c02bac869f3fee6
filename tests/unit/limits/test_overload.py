from __future__ import annotations

import os

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.limits import overload
from gim.limits.limits import MEMORY, REACTOR_DELAY
from gim.limits.overload import IN_A_ROW, SAMPLE_INTERVAL, Overload, resident


class OverloadTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.used = 0
        self.patch(overload, "resident", lambda statm: self.used)
        self.watch = Overload(self.clock, 1.0, 1000)
        self.watch.startService()
        self.addCleanup(self.watch.stopService)

    def sample(self, times: int, late: float = 0.0) -> None:
        for _ in range(times):
            self.clock.advance(SAMPLE_INTERVAL + late)


class DelayTests(OverloadTestCase):
    def test_a_reactor_that_stays_late_is_overloaded(self) -> None:
        self.sample(IN_A_ROW - 1, late=1.1)
        self.assertEqual(self.watch.cause, "")
        self.sample(1, late=1.1)
        self.assertEqual(self.watch.cause, REACTOR_DELAY)

    def test_one_long_pause_is_none(self) -> None:
        self.sample(1, late=600)
        self.sample(1)
        self.sample(IN_A_ROW - 1, late=5)
        self.sample(1, late=0.9)
        self.sample(IN_A_ROW - 1, late=5)
        self.assertEqual(self.watch.cause, "")

    def test_the_largest_delay_counts_once(self) -> None:
        for late in 0.2, 0.7, 0.1:
            self.sample(1, late=late)
        self.assertAlmostEqual(self.watch.take_delay(), 0.7)
        self.assertEqual(self.watch.take_delay(), 0.0)

    def test_it_ends_well_below_the_bound(self) -> None:
        self.sample(IN_A_ROW, late=2)
        self.sample(50, late=0.6)
        self.assertEqual(self.watch.cause, REACTOR_DELAY)
        self.sample(IN_A_ROW - 1, late=0.4)
        self.sample(1, late=0.6)
        self.sample(IN_A_ROW - 1, late=0.4)
        self.assertEqual(self.watch.cause, REACTOR_DELAY)
        self.sample(1, late=0.4)
        self.assertEqual(self.watch.cause, "")


class MemoryTests(OverloadTestCase):
    def test_memory_above_the_bound_until_it_is_well_below(self) -> None:
        for used, cause in (1000, ""), (1001, MEMORY), (951, MEMORY), (949, ""), (1001, MEMORY):
            self.used = used
            self.sample(IN_A_ROW)
            self.assertEqual(self.watch.cause, cause, used)

    def test_this_process_has_a_size(self) -> None:
        statm = os.open(overload.STATM, os.O_RDONLY)
        self.addCleanup(os.close, statm)
        before = resident(statm)
        self.assertGreater(before, 10 * 2**20)
        block = b"x" * (50 * 2**20)
        self.assertGreater(resident(statm), before + len(block) // 2)


class BoundTests(SynchronousTestCase):
    def test_without_bounds_nothing_is_too_much(self) -> None:
        clock = Clock()
        self.patch(overload, "resident", self.fail)
        watch = Overload(clock, 0, 0)
        watch.startService()
        for _ in range(20):
            clock.advance(60)
        self.assertEqual(watch.cause, "")
        watch.stopService()
        self.assertEqual(clock.getDelayedCalls(), [])
