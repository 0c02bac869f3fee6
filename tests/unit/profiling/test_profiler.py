"""Sampling with real signals, tracing with the real tracemalloc; time is moved by hand."""

from __future__ import annotations

import signal
import sys
import tracemalloc
from threading import Thread

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.clocks import WallClock
from gim.errors import Conflict
from gim.profiling.profile import Profile
from gim.profiling.profiler import Profiler
from gim.profiling.sampler import MAX_DEPTH, Sampler


def sampled() -> None:
    """Be the innermost call when a sample is taken."""
    signal.raise_signal(signal.SIGPROF)


def deeply(depth: int) -> None:
    if depth:
        deeply(depth - 1)
    else:
        sampled()


class SamplerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 0
        self.sampler = Sampler(WallClock(), lambda: self.now)
        self.addCleanup(signal.setitimer, signal.ITIMER_PROF, 0)

    def start(self) -> None:
        """Start, but let signals come from the tests only."""
        self.sampler.start()
        signal.setitimer(signal.ITIMER_PROF, 0)

    def test_a_sample_is_the_stack_and_the_cpu_time_since_the_last_one(self) -> None:
        self.start()
        for self.now in 1000, 9000:
            sampled()
        ((stack, numbers),) = self.sampler.stop().samples.items()
        self.assertEqual(numbers, (2, 9000))
        self.assertEqual(stack[0].function, "test_profiler.sampled")
        self.assertEqual(stack[0].line, sampled.__code__.co_firstlineno + 2)
        self.assertEqual(stack[0].file, __file__)
        self.assertIn(self._testMethodName, stack[1].function)

    def test_the_innermost_calls_of_a_deep_stack_are_kept(self) -> None:
        self.start()
        deeply(MAX_DEPTH + 50)
        (stack,) = self.sampler.stop().samples
        self.assertEqual(len(stack), MAX_DEPTH)
        self.assertEqual(stack[0].function, "test_profiler.sampled")

    def test_it_starts_anew(self) -> None:
        for _ in range(2):
            self.start()
            sampled()
            self.assertEqual(len(self.sampler.stop().samples), 1)

    def test_the_kernel_sends_signals_while_the_cpu_is_used(self) -> None:
        sampler = Sampler(WallClock())
        sampler.start()
        while not sampler._counts:  # until the first one: some 10 ms
            pass
        profile = sampler.stop()
        self.assertEqual(profile.period, 10_000_000)
        self.assertGreater(profile.duration_ns, 0)

    def test_a_signal_that_comes_late_does_no_harm(self) -> None:
        self.start()
        self.sampler.stop()
        sampled()
        self.assertEqual(signal.getitimer(signal.ITIMER_PROF), (0.0, 0.0))

    def test_a_fault_in_it_does_not_reach_the_code_that_was_interrupted(self) -> None:
        self.sampler = Sampler(WallClock(), iter([0]).__next__)
        self.start()
        sampled()
        self.assertEqual(self.sampler.stop().samples, {})

    def test_it_works_in_the_main_thread_only(self) -> None:
        failures: list[Exception] = []

        def run() -> None:
            try:
                self.sampler.start()
            except ValueError as error:
                failures.append(error)

        thread = Thread(target=run)
        thread.start()
        thread.join()
        self.assertEqual(len(failures), 1)


class ProfilerTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.profiler = Profiler(self.clock, WallClock())
        self.profiler.startService()
        self.addCleanup(tracemalloc.stop)
        self.addCleanup(signal.setitimer, signal.ITIMER_PROF, 0)

    def is_sampling(self) -> bool:
        return signal.getitimer(signal.ITIMER_PROF) != (0.0, 0.0)


class CpuTests(ProfilerTestCase):
    def cpu(self, seconds: float) -> Deferred[Profile]:
        return Deferred.fromCoroutine(self.profiler.cpu(seconds))

    def test_it_takes_as_long_as_it_was_told(self) -> None:
        made = self.cpu(30)
        self.assertTrue(self.is_sampling())
        sampled()
        self.clock.advance(29)
        self.assertNoResult(made)
        self.clock.advance(1)
        self.assertIn(
            "test_profiler.sampled", {stack[0].function for stack in self.successResultOf(made).samples}
        )
        self.assertFalse(self.is_sampling())

    def test_one_at_a_time(self) -> None:
        first = self.cpu(30)
        self.clock.advance(10)
        error = self.failureResultOf(self.cpu(1), Conflict)
        self.assertEqual(error.getErrorMessage(), "a profile is being made: come back in 20 s")
        self.clock.advance(20)
        self.successResultOf(first)
        again = self.cpu(1)
        self.clock.advance(1)
        self.successResultOf(again)

    def test_it_ends_when_its_client_is_gone(self) -> None:
        made = self.cpu(30)
        made.cancel()
        self.failureResultOf(made, CancelledError)
        self.assertFalse(self.is_sampling())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.cpu(1)
        self.clock.advance(1)

    def test_when_the_daemon_stops_it_ends_with_what_there_is(self) -> None:
        made = self.cpu(30)
        sampled()
        self.profiler.stopService()
        self.assertTrue(self.successResultOf(made).samples)
        self.assertFalse(self.is_sampling())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class MemoryTests(ProfilerTestCase):
    def memory(self) -> Deferred[Profile]:
        return Deferred.fromCoroutine(self.profiler.memory())

    def test_what_was_allocated_since_is_found_by_its_line(self) -> None:
        self.profiler.start_tracing(600, 4)
        kept = [bytes(1000) for _ in range(100)]
        line = sys._getframe().f_lineno - 1
        made = self.memory()
        self.clock.pump([0] * 10_000)
        found = self.successResultOf(made)
        blocks, size = (
            sum(
                numbers[i] for stack, numbers in found.samples.items() if stack[0][1:] == (__file__, line)
            )
            for i in (0, 1)
        )
        self.assertGreaterEqual(blocks, len(kept))
        self.assertGreaterEqual(size, 100_000)
        self.assertEqual([kind.unit for kind in found.kinds], ["count", "bytes"])
        self.assertNotIn(
            "profiling/heap.py", {stack[0].function.partition(":")[0] for stack in found.samples}
        )

    def test_it_is_read_once_at_a_time(self) -> None:
        self.profiler.start_tracing(600, 1)
        made = self.memory()
        self.failureResultOf(self.memory(), Conflict)
        self.clock.pump([0] * 10_000)
        self.successResultOf(made)

    def test_it_is_started_before_it_is_read_and_once_only(self) -> None:
        self.failureResultOf(self.memory(), Conflict)
        self.profiler.start_tracing(600, 1)
        self.assertRaises(Conflict, self.profiler.start_tracing, 600, 1)
        self.profiler.stop_tracing()
        self.profiler.stop_tracing()
        self.assertFalse(tracemalloc.is_tracing())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_ends_by_itself(self) -> None:
        self.profiler.start_tracing(600, 1)
        self.clock.advance(600)
        self.assertFalse(self.profiler.is_tracing)

    def test_when_the_daemon_stops_it_ends(self) -> None:
        self.profiler.start_tracing(600, 1)
        self.profiler.stopService()
        self.assertFalse(tracemalloc.is_tracing())
        self.assertEqual(self.clock.getDelayedCalls(), [])
