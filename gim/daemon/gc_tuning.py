"""The garbage collector, kept from stopping the process for long.

Python's own schedule follows all living objects again and again: with 10,000 connections a full
collection takes a quarter of a second, in which no client is served. What gim keeps for long is freed by
its reference counts, as it holds no cycles: connections break theirs when they end, records and messages
have none. So only young objects are followed here. docs/performance.md has the figures.
"""

from __future__ import annotations

import gc

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from gim.concurrency.periodic import Periodic

# gc.set_threshold: allocations before a gen-0 collection (about 1 ms), and gen-0 runs before a gen-1 one
# (about 6 ms). The last number is out of reach: only `GcTuner` collects the oldest generation.
THRESHOLDS = (2_000, 4, 1_000_000_000)
COLLECTION_INTERVAL = 10.0  # seconds, of the oldest generation
MAX_WEIGHT = 20_000  # objects of it and references between them that are followed, some 10 ms


class GcTuner(Periodic):
    """Sets the collector's pace while it runs.

    The oldest generation is collected as long as that is quick, so that the cycles of HTTP requests and
    the like are freed. When it holds too many objects, as after a rush of connections, it is frozen:
    never followed again, and still freed by its reference counts.
    """

    name = "garbage"

    def __init__(self, clock: IReactorTime) -> None:
        super().__init__(self._collect, COLLECTION_INTERVAL, clock)
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

    def _collect(self) -> None:
        if not gc.isenabled():  # data is being restored: none of it is garbage, and it is much to follow
            return
        objects = gc.get_objects(generation=2)
        # to weigh many objects, as after a rush of connections, would itself take long
        if len(objects) <= MAX_WEIGHT and _weight(objects) <= MAX_WEIGHT:
            del objects
            gc.collect()
        else:
            gc.freeze()


def _weight(objects: list[object]) -> int:
    """Return about how many references a collection would follow. A large container is one object with
    many of them, as are the lists that a SortedDict keeps its keys in."""
    return len(objects) + sum(len(each) for each in objects if isinstance(each, list | dict | set))
