"""How much happened a moment ago."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.push.recent_count import RecentCount


class RecentCountTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.recent = RecentCount(self.clock)

    def test_a_steady_rate_is_known_whenever_it_is_asked_for(self) -> None:
        for _ in range(20):
            self.recent.add(5)
            self.clock.advance(1)
        for _ in range(30):
            self.assertApproximates(self.recent.per_second(), 5, 0.51)
            self.recent.add(5)
            self.clock.advance(1)

    def test_it_fades_and_is_0_after_two_windows(self) -> None:
        self.recent.add(100)
        self.assertEqual(self.recent.per_second(), 10)
        self.clock.advance(15)
        self.assertEqual(self.recent.per_second(), 5)
        self.clock.advance(5)
        self.assertEqual(self.recent.per_second(), 0)
        self.recent.add(10)
        self.clock.advance(25)
        self.assertEqual(self.recent.per_second(), 0)
