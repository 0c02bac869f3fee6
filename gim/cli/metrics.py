"""Reads the server's ``/metrics``, and what changed between two readings."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from math import inf

from gim.cli.http import Server

_LINE = re.compile(r"(?m)^(\w+)(?:\{(.*?)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass
class Page:
    """One reading: the value of each metric, summed over its labels; buckets of histograms by ``le``."""

    values: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    buckets: dict[str, dict[float, float]] = field(default_factory=lambda: defaultdict(dict))
    info: dict[str, str] = field(default_factory=dict)  # version and storage

    def __getitem__(self, name: str) -> float:
        return self.values.get(name, 0.0)


def page(server: Server) -> Page | None:
    """Return what the server counts, None for one that runs with ``--metrics=false``."""
    answer = server.exchange("GET", "/metrics")
    return parsed(answer.body.decode("utf-8", "replace")) if answer.status == 200 else None


def parsed(text: str) -> Page:
    """Read the text format of Prometheus, 0.0.4."""
    found = Page()
    for name, labels, value in _LINE.findall(text):
        named = dict(_LABEL.findall(labels))
        if name == "gim_info":
            found.info = named
        elif name.endswith("_bucket"):
            bounds = found.buckets[name.removesuffix("_bucket")]
            bound = float(named.get("le", inf))
            bounds[bound] = bounds.get(bound, 0.0) + float(value)
        else:
            found.values[name] += float(value)
    return found


def quantile(before: Page, after: Page, histogram: str, share: float) -> float | None:
    """Return the value that a *share* of what was observed between two pages stays below, None if nothing
    was observed. It is interpolated within a bucket, as Prometheus' ``histogram_quantile`` does it."""
    bounds = sorted(after.buckets.get(histogram, {}))
    old = before.buckets.get(histogram, {})
    counts = [after.buckets[histogram][bound] - old.get(bound, 0.0) for bound in bounds]
    if not counts or counts[-1] <= 0:
        return None
    rank = share * counts[-1]
    place = bisect_left(counts, rank)
    low, below = (bounds[place - 1], counts[place - 1]) if place else (0.0, 0.0)
    if bounds[place] == inf or counts[place] == below:
        return low
    return low + (bounds[place] - low) * (rank - below) / (counts[place] - below)
