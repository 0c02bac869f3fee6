"""When messages of an open loop are due."""

from __future__ import annotations

from itertools import chain

from twisted.trial.unittest import SynchronousTestCase

from gim.benchmark.pace import Pace


class PaceTests(SynchronousTestCase):
    def test_moments_are_at_equal_distances_from_the_begin_on(self) -> None:
        pace = Pace(rate=4, began=10.0)
        self.assertEqual(list(pace.due(9.9)), [])
        self.assertEqual(list(pace.due(10.0)), [10.0])
        self.assertEqual(pace.next_at, 10.25)
        self.assertEqual(list(pace.due(10.6)), [10.25, 10.5])

    def test_what_was_held_up_is_due_when_it_should_have_been(self) -> None:
        pace = Pace(rate=10, began=0.0)
        list(pace.due(0.0))
        self.assertEqual(len(list(pace.due(5.0))), 50)

    def test_it_does_not_drift(self) -> None:
        pace = Pace(rate=3, began=0.0)
        self.assertEqual(list(pace.due(1000.0))[-1], 1000.0)

    def test_processes_take_turns(self) -> None:
        paces = [Pace(rate=10, began=0.0, place=place, of=3) for place in range(3)]
        moments = [list(pace.due(1.0)) for pace in paces]
        self.assertEqual([len(each) for each in moments], [4, 4, 3])
        self.assertEqual(sorted(chain(*moments)), list(Pace(10, 0.0).due(1.0)))

    def test_a_moment_that_is_not_taken_stays(self) -> None:
        pace = Pace(rate=1, began=0.0)
        self.assertEqual(next(iter(pace.due(5.0))), 0.0)
        self.assertEqual(pace.next_at, 1.0)
