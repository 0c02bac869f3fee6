"""What is too large for one turn ends in several."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.storage.memory.endings import ANSWER_AFTER, PAUSE, PORTION, STEPS_OF_PORTION, Endings


class EndingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.endings = Endings(self.clock)
        self.taken: list[str] = []

    def steps(self, name: str, count: int, seconds: float = 0.0) -> Iterator[None]:
        for _ in range(count):
            self.taken.append(name)
            self.clock.rightNow += seconds
            yield

    def test_what_is_small_ends_at_once(self) -> None:
        self.assertTrue(self.endings.begin(self.steps("a", STEPS_OF_PORTION - 1)).called)
        self.assertEqual((len(self.endings), self.clock.getDelayedCalls()), (0, []))

    def test_a_portion_has_so_many_steps(self) -> None:
        ended = self.endings.begin(self.steps("a", 2 * STEPS_OF_PORTION))
        for portions in (1, 2):
            self.assertEqual(len(self.taken), portions * STEPS_OF_PORTION)
            self.assertNoResult(ended)
            self.clock.advance(PAUSE)
        self.assertIsNone(self.successResultOf(ended))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_portion_takes_so_much_time(self) -> None:
        ended = self.endings.begin(self.steps("a", 8, PORTION / 4))
        self.assertEqual(len(self.taken), 4)
        self.clock.advance(PAUSE)
        self.assertEqual(len(self.taken), 8)
        self.clock.advance(PAUSE)
        self.successResultOf(ended)

    def test_they_take_turns_and_the_first_one_of_each_is_at_once(self) -> None:
        self.endings.begin(self.steps("a", 4, PORTION))
        self.endings.begin(self.steps("b", 3, PORTION))
        self.endings.begin(self.steps("c", 1))
        while len(self.endings):
            self.clock.advance(PAUSE)
        self.assertEqual("".join(self.taken), "abcababa")

    def test_a_fault_ends_one_and_not_the_others(self) -> None:
        def fails() -> Iterator[None]:
            yield from self.steps("a", 1, PORTION)
            raise ZeroDivisionError

        ended = self.endings.begin(fails()), self.endings.begin(self.steps("b", 2, PORTION))
        for _ in range(4):
            self.clock.advance(PAUSE)
        self.assertEqual([self.successResultOf(one) for one in ended], [None, None])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual("".join(self.taken), "abb")

    def test_the_answer_comes_with_the_end_or_after_a_while(self) -> None:
        for portions, is_over in ((3, True), (2 * round(ANSWER_AFTER / PAUSE), False)):
            run = Deferred.fromCoroutine(self.endings.run(self.steps("a", portions * STEPS_OF_PORTION)))
            self.assertNoResult(run)
            for _ in range(round(ANSWER_AFTER / PAUSE) + 1):
                self.clock.advance(PAUSE)
            self.successResultOf(run)
            self.assertEqual(not len(self.endings), is_over)

    def test_one_who_waits_no_more_changes_nothing(self) -> None:
        run = Deferred.fromCoroutine(self.endings.run(self.steps("a", 2 * STEPS_OF_PORTION)))
        run.cancel()
        self.failureResultOf(run, CancelledError)
        for _ in range(2):
            self.clock.advance(PAUSE)
        self.assertEqual((len(self.taken), len(self.endings)), (2 * STEPS_OF_PORTION, 0))
