"""Requests by operation: their number, results and durations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Generic, TypeVar

from gim.metrics.instruments.durations import Row, add, new_row

Op = TypeVar("Op", bound=int | str)


class RequestMetrics(Generic[Op]):
    """Counts requests of a fixed set of operations, so that no client can make up labels.

    Every request is counted, which is one addition. Reading the clock twice costs four times that, so
    where each microsecond counts only as many requests are timed as `to_time` allows: see
    `gim.metrics.instruments.sampling`.
    """

    __slots__ = ("_none", "_success", "failures", "rows", "successes", "to_time")

    def __init__(self, ops: Collection[Op], none: Op, success: int) -> None:
        """*none* is the label of requests that have none of *ops*; *success* is the code of success."""
        self.rows: dict[Op, Row] = {op: new_row() for op in [*ops, none]}
        self.successes: dict[Op, int] = dict.fromkeys(self.rows, 0)
        self.failures: Counter[tuple[Op, int]] = Counter()
        self.to_time = 0  # of the requests that come next
        self._none = none
        self._success = success

    def succeeded(self, op: Op, began: int) -> None:
        """Count a successful request; *began* is of `perf_counter_ns`, 0 if it is not timed."""
        self.successes[op] += 1
        if began:
            add(self.rows[op], began)

    def failed(self, op: Op, code: int, began: int) -> None:
        """Count a request that ended with another code than success."""
        if op not in self.rows:
            op = self._none
        self.failures[op, code] += 1
        if began:
            add(self.rows[op], began)

    def counts(self) -> Iterator[tuple[Op, int, int]]:
        """Yield operation, code and the number of requests with both."""
        for op, times in self.successes.items():
            yield op, self._success, times
        for (op, code), times in self.failures.items():
            yield op, code, times
