"""Where the fan-out of chatrooms and logins end: the bounds of a queueing network.

Nothing can go faster than its busiest process, and all processes together cannot use more than all cores
(the asymptotic bounds of operational analysis, Denning and Buzen 1978).
"""

from __future__ import annotations

from msgspec import Struct

from bench.jobs.hub import CHATROOM
from bench.model.fit import Results, least_squares


class Bound(Struct, frozen=True):
    """The most that a machine can do of something per second, and what limits it."""

    per_s: float
    limit: str  # "parent", "workers" or "cores"


def bound(cores: int, workers: int, parent_us: float, workers_us: float) -> Bound:
    """Return the bound for something that costs the parent and all workers together so much."""
    bounds = {
        "parent": 1e6 / parent_us,
        "workers": workers * 1e6 / workers_us,
        "cores": cores * 1e6 / (parent_us + workers_us),
    }
    limit = min(bounds, key=bounds.__getitem__)
    return Bound(bounds[limit], limit)


class Fanout(Struct, frozen=True):
    """What a message to a chatroom costs, in µs."""

    parent_us: float  # per message
    channel_us: float  # of the parent, per worker that has members
    frame_us: float  # of the worker, per member

    def bound(self, cores: int, workers: int, members: int) -> Bound:
        """Return the bound of messages, each to so many members who are spread evenly."""
        channels = min(workers, members)
        return bound(cores, workers, self.parent_us + self.channel_us * channels, self.frame_us * members)


def fanout(results: Results) -> Fanout:
    """Return the costs: the parent's by job `hub`, a worker's by job `workers`."""
    rows = [([1.0, links], results.median("hub", f"chatroom-{links}-1", "turn_us")) for links in CHATROOM]
    parent_us, channel_us = least_squares(rows)
    frames = [
        results.median("workers-fanout", row, "sum_us")
        - results.median("workers-fanout", row, "parent_us")
        for row in "24"
    ]
    return Fanout(parent_us, channel_us, sum(frames) / len(frames))


def logins(results: Results, cores: int, workers: int) -> Bound:
    parent_us, sum_us = (results.median("workers-logins", "2", key) for key in ("parent_us", "sum_us"))
    return bound(cores, workers, parent_us, sum_us - parent_us)
