"""Pauses between attempts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gim.concurrency.backoff import Backoff


def longest(low: float, high: float) -> float:
    return high


class BackoffTests(SynchronousTestCase):
    def test_the_bound_doubles_up_to_a_limit(self) -> None:
        backoff = Backoff(first=0.5, longest=60.0)
        bounds = [backoff.pause(failures, longest) for failures in (1, 2, 3, 7, 8, 50, 10_000)]
        self.assertEqual(bounds, [0.5, 1, 2, 32, 60, 60, 60])

    def test_a_loss_after_a_success_has_half_of_the_first_bound(self) -> None:
        self.assertEqual(Backoff(first=0.1, longest=1.0).pause(0, longest), 0.05)

    def test_pauses_are_drawn_from_the_whole_range(self) -> None:
        drawn = [Backoff(first=0.5, longest=60.0).pause(8) for _ in range(100)]
        self.assertTrue(0 <= min(drawn) < 30 < max(drawn) <= 60)

    def test_no_pause_is_below_the_shortest(self) -> None:
        backoff = Backoff(first=0.1, longest=1.0, shortest=0.05)
        self.assertEqual(backoff.pause(3, lambda low, high: low), 0.05)
