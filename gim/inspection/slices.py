"""Work on many things in slices, one for each iteration of the reactor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

SLICE = 250  # connections, of which each may cost 5 to 10 us: 1 to 3 ms

T = TypeVar("T")


async def slices(things: Sequence[T], clock: IReactorTime) -> AsyncIterator[Sequence[T]]:
    """Yield *things* in slices of `SLICE`; between two of them the reactor does what else there is."""
    for begin in range(0, len(things), SLICE):
        if begin:
            await deferLater(clock, 0)
        yield things[begin : begin + SLICE]
