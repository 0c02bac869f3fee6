"""What a process has counted in the measured window, and the sum over all processes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from gim.benchmark.histogram import Histogram


class Tally:
    """Counts, latencies and errors.

    ``counts`` by name, ``errors`` by code of docs/errors.md, ``closed`` by close code, ``latencies`` by
    name. ``cpu_s`` has the CPU seconds of each process in the window, ``lag`` how late its timers were.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.closed: Counter[str] = Counter()
        self.messages: dict[str, str] = {}  # a sentence of the server for each code of both
        self.latencies: dict[str, Histogram] = defaultdict(Histogram)
        self.lag = Histogram()
        self.cpu_s: list[float] = []

    def refused(self, code: int, msg: str) -> None:
        """Count an error."""
        self.errors[str(code)] += 1
        self.messages.setdefault(str(code), msg)

    def lost_connection(self, code: int, reason: str) -> None:
        """Count a connection that has ended."""
        self.closed[str(code)] += 1
        self.messages.setdefault(str(code), reason)

    def merge(self, other: Tally) -> None:
        """Add what another process has counted."""
        self.counts.update(other.counts)
        self.errors.update(other.errors)
        self.closed.update(other.closed)
        self.messages = other.messages | self.messages
        for name, histogram in other.latencies.items():
            self.latencies[name].merge(histogram)
        self.lag.merge(other.lag)
        self.cpu_s += other.cpu_s

    def as_json(self) -> dict[str, Any]:
        """Return all of it for a line of JSON."""
        return {
            "counts": self.counts,
            "errors": self.errors,
            "closed": self.closed,
            "messages": self.messages,
            "latencies": {name: found.as_json() for name, found in self.latencies.items()},
            "lag": self.lag.as_json(),
            "cpu_s": self.cpu_s,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tally:
        """Return what `as_json` wrote."""
        found = cls()
        found.counts.update(data["counts"])
        found.errors.update(data["errors"])
        found.closed.update(data["closed"])
        found.messages.update(data["messages"])
        for name, histogram in data["latencies"].items():
            found.latencies[name] = Histogram.from_json(histogram)
        found.lag = Histogram.from_json(data["lag"])
        found.cpu_s = list(data["cpu_s"])
        return found
