"""Jobs that are done again and again."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.periodic import Periodic


class PeriodicTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.calls: list[float] = []
        self.failures: list[Exception] = []

    def job(self) -> None:
        self.calls.append(self.clock.seconds())
        if self.failures:
            raise self.failures.pop()

    def started(self, first_at_once: bool = False) -> Periodic:
        service = Periodic(self.job, 2.0, self.clock, first_at_once=first_at_once)
        service.startService()
        self.addCleanup(lambda: service.running and service.stopService())
        return service

    def test_the_first_call_comes_after_an_interval(self) -> None:
        self.started()
        self.clock.pump([1.0] * 5)
        self.assertEqual(self.calls, [2.0, 4.0])

    def test_the_first_call_may_come_at_once(self) -> None:
        self.started(first_at_once=True)
        self.clock.advance(2.0)
        self.assertEqual(self.calls, [0.0, 2.0])

    def test_an_exception_is_logged_and_the_job_goes_on(self) -> None:
        self.started()
        self.failures.append(RuntimeError("for once"))
        with capturedLogs() as lines:
            self.clock.pump([2.0, 2.0])
        self.assertEqual(self.calls, [2.0, 4.0])
        self.assertEqual([formatEvent(line) for line in lines], ["Periodic failed, next call in 2.0 s"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_a_service_whose_job_has_failed_stops_cleanly(self) -> None:
        service = self.started()
        self.failures.append(RuntimeError("for once"))
        self.clock.advance(2.0)
        self.flushLoggedErrors(RuntimeError)
        self.successResultOf(service.stopService())  # type: ignore[arg-type]
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopping_waits_for_the_call_under_way(self) -> None:
        under_way: Deferred[None] = Deferred()
        service = Periodic(lambda: under_way, 1.0, self.clock)
        service.startService()
        self.clock.advance(1.0)
        stopped = service.stopService()
        self.assertNoResult(stopped)
        under_way.callback(None)
        self.successResultOf(stopped)  # type: ignore[arg-type]
        self.assertEqual(self.clock.getDelayedCalls(), [])
