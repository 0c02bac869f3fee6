"""The metrics of a process as plain records, which cross to other processes, and their sum.

Whole numbers stay whole numbers. Others, such as seconds, are added in millionths: a sum of floats that
is made in another order can fall by its last bit, and Prometheus takes a counter that falls for a
process that has begun again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

# What all processes say alike, or one says for all, or of which the worst counts.
THE_LARGEST = frozenset({"gim", "gim_overloaded", "gim_webhook_oldest_event_seconds", "python_info"})
# What holds only if it holds for each worker.
THE_LEAST = frozenset({"gim_ready", "gim_storage_up"})
# What the parent knows for all processes; where it does not say it, the workers' values are added.
OF_THE_PARENT = frozenset({"gim_chatrooms", "gim_users", "process_start_time_seconds"})
_UNIT = 1_000_000

Join = Callable[[int, int], int]
Labels = tuple[str, ...]  # name, value, name, value, …


class Family(Struct, array_like=True, gc=False):
    """A metric: its name, its help, its type, and its samples as name, labels and value."""

    name: str
    words: str
    kind: str
    samples: list[tuple[str, Labels, float]]

    @property
    def is_cumulative(self) -> bool:
        """Whether its numbers go on when the process that counted them has ended."""
        return self.kind in ("counter", "histogram")


def families_of(metrics: Iterable[Metric]) -> list[Family]:
    """Return metrics of prometheus_client as records."""
    return [
        Family(
            metric.name,
            metric.documentation,
            metric.type,
            [(name, _flat(labels), float(value)) for name, labels, value, *_ in metric.samples],
        )
        for metric in metrics
    ]


def _flat(labels: dict[str, str]) -> Labels:
    return tuple(word for pair in labels.items() for word in pair)


class Total(Collector):
    """The sum of the families of several processes, sample by sample.

    A family in *largest* has the largest value instead, one in *least* the least. No value is negative.
    `prometheus_client` can read the sum as a registry.
    """

    def __init__(self, largest: Iterable[str] = (), least: Iterable[str] = ()) -> None:
        self._joins: dict[str, Join] = dict.fromkeys(largest, max)
        self._joins.update((name, min) for name in least)
        self._heads: dict[str, Family] = {}
        self._values: dict[str, dict[tuple[str, Labels], int]] = {}

    def add(self, families: Iterable[Family]) -> None:
        """Add the families of a process."""
        for family in families:
            self._heads.setdefault(family.name, family)
            values = self._values.setdefault(family.name, {})
            _add(values, family, self._joins.get(family.name, int.__add__))

    def families(self) -> list[Family]:
        """Return the sum."""
        return [
            Family(head.name, head.words, head.kind, self._samples(name))
            for name, head in self._heads.items()
        ]

    def _samples(self, family: str) -> list[tuple[str, Labels, float]]:
        values = self._values[family]
        return [(name, labels, value / _UNIT) for (name, labels), value in values.items()]

    def collect(self) -> Iterator[Metric]:
        for name, head in self._heads.items():
            metric = Metric(name, head.words, head.kind)
            metric.samples = [
                Sample(sample, dict(zip(labels[::2], labels[1::2], strict=True)), value)
                for sample, labels, value in self._samples(name)
            ]
            yield metric


def _add(values: dict[tuple[str, Labels], int], family: Family, join: Join) -> None:
    for name, labels, value in family.samples:
        key = name, labels
        known = values.get(key)
        if known is None:
            values[key] = _exact(value)
        elif value or join is min:  # most buckets of histograms are empty
            values[key] = join(known, _exact(value))


def _exact(value: float) -> int:
    return int(value) * _UNIT if value == int(value) else round(value * _UNIT)


def combined(parent: list[Family], others: Iterable[list[Family]]) -> Total:
    """Return the sum over all processes of a daemon: the *parent* of workers, and the *others*."""
    known = {family.name for family in parent} & OF_THE_PARENT
    total = Total(THE_LARGEST, THE_LEAST)
    total.add(parent)
    for families in others:
        total.add(family for family in families if family.name not in known)
    return total
