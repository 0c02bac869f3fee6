"""The memory, traced: which lines allocated what there is, while tracemalloc runs."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterable
from itertools import islice

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from gim.profiling.profile import Kind, Place, Profile, Stack

KINDS = (Kind("inuse_objects", "count"), Kind("inuse_space", "bytes"))
SLICE = 2000  # blocks counted in one turn of the reactor, some 8 ms
_OWN = {__file__, tracemalloc.__file__}  # what a profile itself allocates is not in it

_Lines = tuple[tuple[str, int], ...]  # file and line, innermost first
_Block = tuple[int, int, _Lines, int]  # domain, size, lines, how many lines there were


def trace(lines: int) -> None:
    """Note of each block of memory that is allocated from now on the innermost *lines* of its stack.

    While it lasts Python does a tenth of what it does else, and keeps some 100 bytes and more for each
    block that is alive.
    """
    tracemalloc.start(lines)


async def traced(clock: IReactorTime) -> Profile:
    """Return the blocks that are alive, by the lines that allocated them.

    The process stands still while they are listed, about 0.7 s for a million of them; they are counted
    in slices, with what else there is to do in between.
    """
    began = time.time_ns()
    # the public objects around these tuples take 20 times as long, as all they allocate is traced too
    blocks = iter(tracemalloc.take_snapshot().traces._traces)  # type: ignore[attr-defined]
    sums: dict[_Lines, tuple[int, int]] = {}
    while some := list(islice(blocks, SLICE)):
        _count(some, sums)
        await deferLater(clock, 0)
    samples = {_stack(lines): sums[lines] for lines in sums if lines[0][0] not in _OWN}
    return Profile(KINDS, samples, began)


def _count(blocks: Iterable[_Block], sums: dict[_Lines, tuple[int, int]]) -> None:
    for _, size, lines, _ in blocks:
        count, total = sums.get(lines, (0, 0))
        sums[lines] = count + 1, total + size


def _stack(lines: _Lines) -> Stack:
    """Name the calls. Their functions are not known: a line is its own."""
    return tuple(Place(f"{'/'.join(file.split('/')[-2:])}:{line}", file, line) for file, line in lines)
