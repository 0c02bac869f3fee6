"""Histograms of durations, for places where a microsecond counts.

prometheus_client takes a lock and looks for a bucket at each observation, which is some 1.5 us. Here
it is an addition to a list of plain integers, 0.1 us; the page makes a histogram of it when it is asked
for. The bounds are powers of two of a nanosecond, so the bucket is a number's count of bits.
"""

from __future__ import annotations

from itertools import accumulate
from time import perf_counter_ns

Row = list[int]  # how many durations had so many bits, in ns; at the end the sum of all, in ns

_BITS = 64
# The bounds that are shown: every second power of two, from 16 us to 17 s.
_SHOWN = range(14, 35, 2)


def new_row() -> Row:
    """Return a row without any duration."""
    return [0] * (_BITS + 2)


def add(row: Row, began: int, weight: int = 1) -> None:
    """Add the time since *began*, which is of `perf_counter_ns`, as if it had been *weight* times."""
    passed = perf_counter_ns() - began
    row[passed.bit_length()] += weight
    row[-1] += passed * weight


def count(row: Row) -> int:
    """Return how many durations a row holds."""
    return sum(row[:-1])


def total(row: Row) -> float:
    """Return the sum of a row, in seconds."""
    return row[-1] / 1e9


def buckets(row: Row) -> list[tuple[str, float]]:
    """Return bounds in seconds and how many are not above each, as prometheus_client wants them."""
    upto = list(accumulate(row[:-1]))
    shown = [(str(2**bits / 1e9), float(upto[bits])) for bits in _SHOWN]
    return [*shown, ("+Inf", float(upto[-1]))]
