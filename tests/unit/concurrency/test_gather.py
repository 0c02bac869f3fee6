"""Waiting for several things at once."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.gather import gather


class GatheringTests(SynchronousTestCase):
    def gathered(self, *works: Awaitable[Any]) -> Deferred[list[Any]]:
        return Deferred.fromCoroutine(gather(works))

    def test_the_results_come_in_the_order_of_the_works(self) -> None:
        first: Deferred[int] = Deferred()
        both = self.gathered(first, succeed(2))
        self.assertNoResult(both)
        first.callback(1)
        self.assertEqual(self.successResultOf(both), [1, 2])

    def test_the_first_error_is_raised_and_the_others_are_not_logged(self) -> None:
        self.failureResultOf(self.gathered(fail(KeyError()), fail(ValueError())), KeyError)

    def test_works_that_can_not_all_be_begun_leave_none_of_those_begun_alone(self) -> None:
        first: Deferred[int] = Deferred()

        def works() -> Iterator[Awaitable[Any]]:
            yield first
            yield fail(ValueError())
            raise KeyError

        both = Deferred.fromCoroutine(gather(works()))
        self.assertNoResult(both)
        first.errback(ValueError())
        self.failureResultOf(both, KeyError)

    def test_a_coroutine_that_waits_several_times_is_run_to_its_end(self) -> None:
        first: Deferred[int] = Deferred()
        second: Deferred[int] = Deferred()

        async def waits() -> int:
            try:
                await first
            except KeyError:
                return await second
            return 0

        async def never_waits() -> int:
            return 2

        both = self.gathered(waits(), never_waits())
        first.errback(KeyError())
        self.assertNoResult(both)
        second.callback(1)
        self.assertEqual(self.successResultOf(both), [1, 2])

    def test_an_error_of_a_coroutine_that_never_waits_comes_when_all_have_begun(self) -> None:
        begun = []

        async def work(number: int) -> None:
            begun.append(number)
            raise KeyError(number)

        self.failureResultOf(self.gathered(work(1), work(2)), KeyError)
        self.assertEqual(begun, [1, 2])
