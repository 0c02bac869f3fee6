"""What all faults need: their target, and to last for their seconds."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from tests.integration.chaos.journal import Journal
from tests.integration.chaos.plan import Fault
from tests.integration.chaos.topology import GimNode, Topology

AFTERWARDS = 1.0  # seconds after the end of an outage in which what waited may still be late

Inject = Callable[[Fault], Coroutine[Deferred[Any], Any, None]]
T = TypeVar("T")


class Injection:
    """Injects faults of some kinds into a setup; each returns when it is healed."""

    def __init__(self, topology: Topology, journal: Journal) -> None:
        self.topology, self.journal = topology, journal

    @property
    def kinds(self) -> dict[str, Inject]:
        """What injects a fault, by its kind in ``plan``."""
        raise NotImplementedError

    def node(self, fault: Fault) -> GimNode:
        return pick(fault, self.topology.nodes)

    async def last(self, fault: Fault) -> None:
        await deferLater(reactor, fault.seconds)

    def out(self, what: str, began: float, late: float = 0.0) -> None:
        """Take down that *what* of a path was out until now, and what waited *late* seconds more."""
        self.journal.out(what, began, reactor.seconds() + late + AFTERWARDS)


def pick(fault: Fault, some: list[T]) -> T:
    """Choose one by the number in 0 … 1 that the fault was drawn with."""
    return some[int(fault.pick * len(some))]
