"""A deadline for all steps of a request, and work that goes on after it."""

from __future__ import annotations

import contextlib
import gc
import weakref
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.deadline import outlasted, shielded, within
from gim.errors import Unavailable


class WithinTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.steps: list[Deferred[Any]] = [Deferred(), Deferred()]
        self.undone = False

    async def work(self) -> Any:
        try:
            return [await step for step in self.steps]
        except BaseException:
            self.undone = True
            raise

    def begun(self) -> Deferred[Any]:
        return Deferred.fromCoroutine(within(1.5, self.clock, self.work()))

    def test_the_time_is_that_of_all_steps_together(self) -> None:
        begun = self.begun()
        self.clock.advance(1.0)
        self.steps[0].callback(1)
        self.clock.advance(0.4)
        self.assertNoResult(begun)
        self.clock.pump([0.1, 0])
        self.failureResultOf(begun, Unavailable)
        self.assertTrue(self.undone)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_work_that_goes_on_too_late_waits_for_nothing_more(self) -> None:
        async def late() -> Any:
            first, second = self.steps
            await first.addCallback(lambda _: self.clock.pump([2, 0]))
            await second

        begun = Deferred.fromCoroutine(within(1.5, self.clock, late()))
        self.steps[0].callback(1)
        self.failureResultOf(begun, Unavailable)

    def test_each_step_is_one_of_the_caller(self) -> None:
        works = within(1.5, self.clock, self.work())
        for number, step in enumerate(self.steps):
            self.assertIs(works.send(None), step)
            step.callback(number)
        with self.assertRaises(StopIteration) as end:
            works.send(None)
        self.assertEqual(end.exception.value, [0, 1])

    def test_what_ends_in_time_leaves_no_timer(self) -> None:
        begun = self.begun()
        for number, step in enumerate(self.steps):
            step.callback(number)
        self.assertEqual(self.successResultOf(begun), [0, 1])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_does_not_wait_needs_no_timer(self) -> None:
        self.steps.clear()
        self.patch(self.clock, "callLater", self.fail)
        self.assertEqual(self.successResultOf(self.begun()), [])

    def test_what_is_refused_without_waiting_is_freed_without_the_garbage_collector(self) -> None:
        async def refuse(step: Deferred[Any]) -> None:
            raise Unavailable("away")

        step: Deferred[Any] = Deferred()
        is_there = weakref.ref(step)
        gc.disable()
        self.addCleanup(gc.enable)
        with contextlib.suppress(Unavailable):
            within(1.5, self.clock, refuse(step)).send(None)
        del step
        self.assertIsNone(is_there())

    def test_an_answer_that_was_there_in_time_counts_though_the_process_was_busy(self) -> None:
        begun = self.begun()
        self.steps[0].callback(1)
        self.clock.callLater(1.5, self.steps[1].callback, 2)  # behind the timer, as in the reactor
        self.clock.pump([5, 0])
        self.assertEqual(self.successResultOf(begun), [1, 2])

    def test_a_failure_is_raised(self) -> None:
        begun = self.begun()
        self.steps[0].errback(ValueError())
        self.failureResultOf(begun, ValueError)

    def test_a_request_that_is_cancelled_is_not_a_late_one(self) -> None:
        begun = self.begun()
        begun.cancel()
        self.failureResultOf(begun, CancelledError)
        self.assertEqual((self.undone, self.clock.getDelayedCalls()), (True, []))


class ShieldedTests(SynchronousTestCase):
    def test_it_has_the_result_of_the_work(self) -> None:
        step: Deferred[int] = Deferred()
        waiting = shielded(step)
        step.callback(1)
        self.assertEqual(self.successResultOf(waiting), 1)

    def test_the_work_goes_on_when_it_is_cancelled(self) -> None:
        for result in (1, ValueError()):
            step: Deferred[Any] = Deferred()
            waiting = shielded(step)
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
            self.assertFalse(step.called)
            step.callback(result) if result == 1 else step.errback(result)  # type: ignore[arg-type]


class OutlastedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.work: Deferred[int] = Deferred()
        self.late: list[int] = []
        waiting = outlasted(1.5, self.clock, self.work, self.late.append)
        self.waiting = Deferred.fromCoroutine(waiting)

    def test_it_has_the_result_that_comes_in_time(self) -> None:
        self.clock.advance(1)
        self.work.callback(1)
        self.assertEqual((self.successResultOf(self.waiting), self.late), (1, []))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_result_that_comes_too_late_is_taken(self) -> None:
        self.clock.pump([1.5, 0])
        self.failureResultOf(self.waiting, Unavailable)
        self.work.callback(1)
        self.assertEqual(self.late, [1])

    def test_so_is_one_that_comes_after_it_was_cancelled(self) -> None:
        self.waiting.cancel()
        self.failureResultOf(self.waiting, CancelledError)
        self.work.callback(1)
        self.assertEqual((self.late, self.clock.getDelayedCalls()), ([1], []))

    def test_an_error_counts_only_in_time(self) -> None:
        self.work.errback(ValueError())
        self.failureResultOf(self.waiting, ValueError)
        self.setUp()
        self.clock.pump([1.5, 0])
        self.failureResultOf(self.waiting, Unavailable)
        self.work.errback(ValueError())
        self.assertEqual((self.late, self.flushLoggedErrors()), ([], []))
