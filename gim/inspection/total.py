"""The samples of all processes as one.

What several of them know counts once: the parent of workers counts users for all of them, and each
process in a network namespace counts all bytes there.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from math import nan
from typing import NamedTuple

from gim.inspection.ring import Columns
from gim.inspection.samples import (
    DELAYS,
    OF_THE_PARENT,
    REFUSALS,
    SHOWN,
    STATES,
    TRAFFIC,
    NodeSample,
    Sample,
    fields_of,
    joined,
    shown_as,
    values_of,
)


class Part(NamedTuple):
    """A process: what its samples are counted with, and the fields that it knows."""

    node: str
    worker: int
    network: str
    known: frozenset[str]


def counted_once(parts: Sequence[Part]) -> Iterator[frozenset[str]]:
    """Yield, for each process, the fields that count."""
    by_parents = {
        (part.node, name) for part in parts if part.worker == 0 for name in part.known & OF_THE_PARENT
    }
    networks: set[str] = set()
    for part in parts:
        counted = {name for name in part.known if not part.worker or (part.node, name) not in by_parents}
        if part.network in networks:
            counted.difference_update(TRAFFIC)
        if part.network and part.known.issuperset(TRAFFIC):
            networks.add(part.network)
        yield frozenset(counted)


def total_of(samples: Sequence[tuple[NodeSample, str]], at: int) -> Sample:
    """Return what all processes have and do together: *samples* with the names of their networks."""
    all_values = [values_of(sample) for sample, _ in samples]
    parts = [
        Part(sample.node, sample.worker, network, frozenset(values))
        for (sample, network), values in zip(samples, all_values, strict=True)
    ]
    counted = [
        {name: value for name, value in values.items() if name in names}
        for values, names in zip(all_values, counted_once(parts), strict=True)
    ]
    return Sample(**fields_of(at, joined(counted)))


class TotalColumns:
    """The sum of the samples of several processes that were taken in the same steps of time.

    Where a process has no sample in a step, the one of the step before it counts: no two processes take
    their samples at the same time.
    """

    def __init__(self, times: Sequence[array[float]], step: int, size: int) -> None:
        """*times* are those of the samples of all processes, in Unix ms; *step* is in ms. The newest
        *size* steps are kept."""
        self._step = step
        self._steps = sorted({int(at) // step for each in times for at in each})[-size:]
        self._values: dict[str, list[float]] = {}

    def add(self, columns: Columns, names: frozenset[str]) -> None:
        """Add the fields in *names* of one process."""
        times = array("d", columns.at)
        places = {int(at) // self._step: place for place, at in enumerate(times)}
        picks = [places.get(step, places.get(step - 1, -1)) for step in self._steps]
        for name in names:
            column = array("f", columns.values[name])
            column.append(nan)  # the one at -1
            self._join(name, [column[pick] for pick in picks])

    def _join(self, name: str, values: list[float]) -> None:
        known = self._values.get(name)
        if known is None:
            self._values[name] = values
            return
        pairs = zip(known, values, strict=True)  # x != x: x is NaN
        if name in DELAYS:
            joined = [a if b != b or a > b else b for a, b in pairs]
        elif name in STATES:
            joined = [a if b != b or a < b else b for a, b in pairs]
        else:
            joined = [a if b != b else b if a != a else a + b for a, b in pairs]
        self._values[name] = joined

    def samples(self) -> list[Sample]:
        """Return the sum, the oldest sample first. Some 20 us for each."""
        times = [(step + 1) * self._step for step in self._steps]
        known = {name: shown_as(name, self._values[name]) for name in SHOWN if name in self._values}
        rows = zip(*known.values(), strict=True) if known else ((),) * len(times)
        return [
            Sample(at=at, refusals=refusals, **dict(zip(known, row, strict=True)))
            for at, refusals, row in zip(times, self._refusals(), rows, strict=True)
        ]

    def _refusals(self) -> Iterator[dict[str, float]]:
        rates = {limit: self._values[name] for name, limit in REFUSALS.items() if name in self._values}
        for place in range(len(self._steps)):
            yield {limit: round(rate[place], 3) for limit, rate in rates.items() if rate[place] > 0}
