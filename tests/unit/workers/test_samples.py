"""The samples of the parent: which worker gets them, and under which name."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from gim.link.channel import Channel
from gim.workers.samples import PATIENCE, LinkedFigures
from tests.support.observed_workers import ObservedTestCase


class ParentSamplesTests(ObservedTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock.pump([1.0] * 3)

    def workers_of_samples(self, channel: Channel) -> list[tuple[str, int]]:
        """Return node and number of the processes whose samples a worker gets."""
        figures = LinkedFigures(channel, "a")
        newest = Deferred.fromCoroutine(figures.newest())
        history = Deferred.fromCoroutine(figures.history())
        self.turn()
        found = self.successResultOf(newest)
        named = [(each.sample.node, each.sample.worker) for each in found if each.sample is not None]
        self.assertEqual([(each.node, each.worker) for each in self.successResultOf(history)], named)
        return named

    def test_the_worker_with_the_lowest_number_gets_them(self) -> None:
        first, second = self.join(1), self.join(2)
        self.assertEqual(self.workers_of_samples(first), [("a", 0)])
        self.assertEqual(self.workers_of_samples(second), [])
        self.kill(1)
        self.turn()
        self.assertEqual(self.workers_of_samples(second), [("a", 0)])
        self.assertEqual(self.workers_of_samples(self.join(1)), [("a", 0)])
        self.assertEqual(self.workers_of_samples(second), [])

    def test_what_is_wrong_in_the_parent_has_the_name_of_the_node(self) -> None:
        self.hits.hit("max-connections")
        self.clock.advance(1.0)
        newest = Deferred.fromCoroutine(LinkedFigures(self.join(1), "a").newest())
        self.turn()
        (found,) = self.successResultOf(newest)
        self.assertEqual([(each.code, each.node) for each in found.troubles], [("limit", "a")])

    def test_a_parent_that_does_not_answer_is_left_out(self) -> None:
        channel = self.join(1)
        self.ends[1].is_stuck = True
        newest = Deferred.fromCoroutine(LinkedFigures(channel, "a").newest())
        self.clock.advance(PATIENCE)
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(newest), [])
