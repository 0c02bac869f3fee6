"""Percentiles from a histogram, against those of the sorted values."""

from __future__ import annotations

import json
import random
from math import ceil

from twisted.trial.unittest import SynchronousTestCase

from gim.benchmark.histogram import MAX_US, Histogram


def filled(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


class HistogramTests(SynchronousTestCase):
    def test_short_latencies_are_exact(self) -> None:
        histogram = filled(list(range(1, 101)))
        for share, expected in (0.5, 50), (0.9, 90), (0.99, 99), (1.0, 100), (0.0, 1):
            self.assertEqual(histogram.quantile_us(share), expected)

    def test_the_error_of_longer_ones_is_below_half_a_percent(self) -> None:
        source = random.Random(7)
        values = sorted(int(source.lognormvariate(9, 2)) for _ in range(20_000))
        histogram = filled(values)
        for share in (0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0):
            exact = values[ceil(share * len(values)) - 1]
            found = histogram.quantile_us(share)
            assert found is not None
            self.assertLessEqual(abs(found - exact), exact * 0.004 + 0.5, share)

    def test_every_value_is_within_its_bucket(self) -> None:
        for value in (0, 1, 127, 128, 255, 256, 257, 511, 512, 513, 10**6, 2**31, MAX_US):
            found = filled([value]).quantile_us(0.5)
            assert found is not None
            self.assertLessEqual(abs(found - value), value / 256, value)

    def test_no_percentile_is_above_the_largest_value(self) -> None:
        histogram = filled([100_000, 100_001])
        self.assertEqual(histogram.max_us, 100_001)
        self.assertLessEqual(histogram.quantile_us(1.0) or 0, 100_001)

    def test_what_is_out_of_range_counts_as_the_nearest(self) -> None:
        self.assertEqual(filled([-5]).quantile_us(0.5), 0)
        self.assertEqual(filled([MAX_US * 2]).max_us, MAX_US)

    def test_nothing_has_no_percentiles(self) -> None:
        self.assertIsNone(Histogram().quantile_us(0.5))

    def test_two_of_them_add_up_after_a_journey_as_json(self) -> None:
        one, other = filled([5, 300]), filled([7, 70_000])
        copy = Histogram.from_json(json.loads(json.dumps(other.as_json())))
        one.merge(copy)
        whole = filled([5, 7, 300, 70_000])
        self.assertEqual(one.as_json(), whole.as_json())
        self.assertEqual((one.count, one.max_us), (4, 70_000))
