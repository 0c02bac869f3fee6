"""One result for all that ask for it."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.shared import Shared


class SharedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: list[Deferred[str]] = []
        self.shared = Shared(self.ask, 1.0, self.clock)

    async def ask(self) -> str:
        self.asked.append(Deferred())
        return await self.asked[-1]

    def get(self) -> Deferred[str]:
        return Deferred.fromCoroutine(self.shared.get())

    def test_all_who_ask_meanwhile_get_it(self) -> None:
        both = [self.get(), self.get()]
        self.asked[0].callback("a")
        self.assertEqual([self.successResultOf(each) for each in both], ["a", "a"])
        self.assertEqual(len(self.asked), 1)

    def test_so_do_those_who_ask_soon_after(self) -> None:
        self.get()
        self.asked[0].callback("a")
        self.clock.advance(1.0)
        self.assertEqual(self.successResultOf(self.get()), "a")
        self.clock.advance(0.1)
        later = self.get()
        self.asked[1].callback("b")
        self.assertEqual(self.successResultOf(later), "b")

    def test_a_failure_is_for_all_who_wait_and_is_not_kept(self) -> None:
        both = [self.get(), self.get()]
        self.asked[0].errback(ValueError())
        for each in both:
            self.failureResultOf(each, ValueError)
        self.get()
        self.assertEqual(len(self.asked), 2)

    def test_a_failure_that_nothing_waits_for_is_logged(self) -> None:
        self.get().addErrback(lambda _: None).cancel()
        self.asked[0].errback(ValueError())
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_one_who_does_not_wait_any_more_changes_nothing_for_the_others(self) -> None:
        first, second = self.get(), self.get()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.asked[0].callback("a")
        self.assertEqual(self.successResultOf(second), "a")
