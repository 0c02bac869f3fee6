"""A bound for how many pieces of work are under way at a time."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.gate import Gate


class GateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.gate = Gate(2)
        self.within: list[int] = []
        self.works: list[Deferred[None]] = []  # of those that have been within

    def come(self, number: int) -> Deferred[None]:
        return Deferred.fromCoroutine(self.visit(number))

    async def visit(self, number: int) -> None:
        await self.gate.enter()
        work: Deferred[None] = Deferred()
        self.works.append(work)
        self.within.append(number)
        await work
        self.within.remove(number)
        self.gate.leave()

    def test_so_many_are_within_and_the_others_follow_in_order(self) -> None:
        for number in range(4):
            self.come(number)
        self.assertEqual(self.within, [0, 1])
        self.works[1].callback(None)
        self.assertEqual(self.within, [0, 2])
        self.works[0].callback(None)
        self.assertEqual(self.within, [2, 3])

    def test_one_that_was_cancelled_while_it_waited_is_not_let_in(self) -> None:
        visits = [self.come(number) for number in range(4)]
        visits[2].cancel()
        self.failureResultOf(visits[2], CancelledError)
        self.works[0].callback(None)
        self.assertEqual(self.within, [1, 3])

    def test_any_number_may_leave_at_once(self) -> None:
        """Each lets the next one in, and not within each other: that would be too deep for Python."""

        async def visit() -> None:
            await self.gate.enter()
            self.gate.leave()

        self.come(0)
        self.come(1)
        visits = [Deferred.fromCoroutine(visit()) for _ in range(5000)]
        self.works[0].callback(None)
        for each in visits:
            self.successResultOf(each)
        self.assertEqual(self.within, [1])
