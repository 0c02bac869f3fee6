"""Counts of latencies, from which percentiles are read: bounded memory, however many are counted.

The buckets are those of HdrHistogram (http://hdrhistogram.org): up to 255 µs one for each microsecond,
above that 128 for each power of two. A bucket is at most 1/128 of its values wide, so a percentile, which
is the middle of its bucket, is wrong by 0.4 % at most. The largest value is kept as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

_BITS = 8  # of a value that decide its bucket
_HALF = 1 << (_BITS - 1)
MAX_US = (1 << 32) - 1  # 71 minutes; what takes longer counts as this
_BUCKETS = (32 - _BITS) * _HALF + 2 * _HALF


class Histogram:
    """Latencies in whole microseconds."""

    __slots__ = ("_counts", "count", "max_us")

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self.count = 0
        self.max_us = 0

    def add(self, us: int) -> None:
        """Count a latency. A negative one counts as 0."""
        us = 0 if us < 0 else MAX_US if us > MAX_US else us
        shift = us.bit_length() - _BITS
        self._counts[us if shift <= 0 else (shift << (_BITS - 1)) + (us >> shift)] += 1
        self.count += 1
        if us > self.max_us:
            self.max_us = us

    def quantile_us(self, share: float) -> float | None:
        """Return the latency that a *share* of all stays at or below, None if none is counted."""
        if not self.count:
            return None
        rank, seen = max(1, ceil(share * self.count)), 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if seen >= rank:
                return min(_middle(bucket), float(self.max_us))
        raise AssertionError("the buckets hold fewer than are counted")

    def merge(self, other: Histogram) -> None:
        """Add what another one has counted."""
        self._counts = [mine + its for mine, its in zip(self._counts, other._counts, strict=True)]
        self.count += other.count
        self.max_us = max(self.max_us, other.max_us)

    def as_json(self) -> dict[str, int]:
        """Return the buckets that hold something, by their numbers, and the largest value as ``max``."""
        filled = {str(bucket): count for bucket, count in enumerate(self._counts) if count}
        return {**filled, "max": self.max_us}

    @classmethod
    def from_json(cls, data: Mapping[str, int]) -> Histogram:
        """Return what `as_json` wrote."""
        found = cls()
        for bucket, count in data.items():
            if bucket == "max":
                found.max_us = count
            else:
                found._counts[int(bucket)] = count
                found.count += count
        return found


def _middle(bucket: int) -> float:
    shift = max(0, (bucket >> (_BITS - 1)) - 1)
    return float(bucket) if not shift else ((bucket - (shift << (_BITS - 1)) + 0.5) * (1 << shift)) - 0.5
