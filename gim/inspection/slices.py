"""Work on many things in slices, one for each iteration of the reactor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

T = TypeVar("T")


async def slices(things: Sequence[T], size: int, clock: IReactorTime) -> AsyncIterator[Sequence[T]]:
    """Yield *things* in slices of *size*; between two of them the reactor does what else there is."""
    for begin in range(0, len(things), size):
        if begin:
            await deferLater(clock, 0)
        yield things[begin : begin + size]
