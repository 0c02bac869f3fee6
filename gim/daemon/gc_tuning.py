"""The garbage collector, kept from stopping the process for long.

Python's own schedule looks at all that is alive again and again: with 10,000 connections a full
collection takes a quarter of a second, in which nobody is served. What gim keeps for long is freed by
counting references, as it holds no cycles: connections break theirs when they end, records and
messages have none. So here only what is young is looked at. docs/performance.md has the figures.
"""

from __future__ import annotations

import gc

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from gim.concurrency.periodic import Periodic

# Allocations until what is youngest is looked at, and how often until the next older: some 1 and 6 ms.
# The last number is out of reach: the oldest generation is looked at by `GcTuner` only.
THRESHOLDS = (2_000, 4, 1_000_000_000)
EVERY = 10.0  # seconds between two looks at the oldest generation
MOST = 20_000  # objects of it and references between them that are followed, some 10 ms


class GcTuner(Periodic):
    """Sets the collector's pace while it runs.

    The oldest generation is collected as long as that is quick, so that the cycles of HTTP requests and
    the like go. When it has become too many, as after a rush of connections, it is frozen: never looked
    at again, and freed by its reference counts all the same.
    """

    name = "garbage"

    def __init__(self, clock: IReactorTime) -> None:
        super().__init__(self._look, EVERY, clock)
        self._before = gc.get_threshold()

    def startService(self) -> None:
        self._before = gc.get_threshold()
        gc.collect()  # what the start has left behind
        gc.freeze()  # code and what lives as long as the process
        gc.set_threshold(*THRESHOLDS)
        super().startService()

    def stopService(self) -> Deferred[LoopingCall] | None:
        ended = super().stopService()
        gc.set_threshold(*self._before)
        gc.unfreeze()
        return ended

    def _look(self) -> None:
        if _weight(gc.get_objects(generation=2)) <= MOST:
            gc.collect()
        else:
            gc.freeze()


def _weight(objects: list[object]) -> int:
    """Return about how many references a collection would follow: the large containers are few objects
    with many of them, as are the lists that a SortedDict keeps its keys in."""
    return len(objects) + sum(len(each) for each in objects if isinstance(each, list | dict | set))
