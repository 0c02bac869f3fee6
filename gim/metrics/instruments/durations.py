"""Histograms of durations, for places where a microsecond counts.

prometheus_client takes a lock and searches its buckets at each observation, some 1.5 us. Here an
observation is an addition to a list of plain integers, 0.1 us; the page turns the list into a histogram
when it is requested. Bounds are powers of two of a nanosecond, so a number's bit length is its bucket.
"""

from __future__ import annotations

from itertools import accumulate
from time import perf_counter_ns

Row = list[int]  # the number of durations by their bit length in ns; last, the sum of all in ns

_BITS = 64
# The bounds that are shown: every second power of two, from 16 us to 17 s.
_SHOWN = range(14, 35, 2)


def new_row() -> Row:
    """Return an empty row."""
    return [0] * (_BITS + 2)


def add(row: Row, began: int, weight: int = 1) -> None:
    """Add the time since *began*, a value of `perf_counter_ns`, *weight* times."""
    passed = perf_counter_ns() - began
    row[passed.bit_length()] += weight
    row[-1] += passed * weight


def add_seconds(row: Row, seconds: float) -> None:
    """Add a duration that was measured elsewhere."""
    passed = max(0, round(seconds * 1e9))
    row[passed.bit_length()] += 1
    row[-1] += passed


def count(row: Row) -> int:
    """Return the number of durations in a row."""
    return sum(row[:-1])


def total(row: Row) -> float:
    """Return the sum of the durations in a row, in seconds."""
    return row[-1] / 1e9


def quantile(row: Row, share: float) -> float | None:
    """Return the seconds that a *share* of the durations in a row stays below, None for an empty row.

    The value is interpolated within its bucket, as Prometheus' ``histogram_quantile`` does it.
    """
    rank, below = share * count(row), 0
    for bits, times in enumerate(row[:-1]):
        if times and below + times >= rank:
            low = (1 << bits) >> 1
            return (low + ((1 << bits) - low) * (rank - below) / times) / 1e9
        below += times
    return None


def buckets(row: Row) -> list[tuple[str, float]]:
    """Return upper bounds in seconds, each with the number of durations below it, as prometheus_client
    takes them."""
    upto = list(accumulate(row[:-1]))
    shown = [(str(2**bits / 1e9), float(upto[bits])) for bits in _SHOWN]
    return [*shown, ("+Inf", float(upto[-1]))]
