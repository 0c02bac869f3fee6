"""Profiles of the memory: which lines allocated the blocks that are alive, as tracemalloc records."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from itertools import islice

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from gim.profiling.profile import Kind, Place, Profile, Stack

KINDS = (Kind("inuse_objects", "count"), Kind("inuse_space", "bytes"))
BLOCKS_PER_TURN = 2000  # counted in one iteration of the reactor, some 8 ms
_OWN_FILES = {__file__, tracemalloc.__file__}  # the profiler's own blocks are left out

_Lines = tuple[tuple[str, int], ...]  # file and line, innermost first
_Block = tuple[int, int, _Lines, int]  # domain, size, lines, number of lines


def trace(lines: int) -> None:
    """Record, for each block allocated from now on, the innermost *lines* of its stack.

    Meanwhile Python runs at a tenth of its speed, and keeps 100 bytes or more for each block alive.
    """
    tracemalloc.start(lines)


async def traced(clock: IReactorTime, began_ms: int) -> Profile:
    """Return the blocks that are alive, by the lines that allocated them.

    *began_ms* is the Unix time. Listing the blocks stops the process, about 0.7 s for a million of them;
    counting them is spread over many iterations of the reactor.
    """
    # tracemalloc's public objects around these tuples take 20 times as long: they are traced themselves
    blocks = iter(tracemalloc.take_snapshot().traces._traces)  # type: ignore[attr-defined]
    sums: dict[_Lines, tuple[int, int]] = {}
    while chunk := list(islice(blocks, BLOCKS_PER_TURN)):
        _count(chunk, sums)
        await deferLater(clock, 0)
    samples = {_stack(lines): sums[lines] for lines in sums if lines[0][0] not in _OWN_FILES}
    return Profile(KINDS, samples, began_ms * 1_000_000)


def _count(blocks: Iterable[_Block], sums: dict[_Lines, tuple[int, int]]) -> None:
    for _, size, lines, _ in blocks:
        count, total = sums.get(lines, (0, 0))
        sums[lines] = count + 1, total + size


def _stack(lines: _Lines) -> Stack:
    """Return the stack. tracemalloc knows no functions, so each line counts as one."""
    return tuple(Place(f"{'/'.join(file.split('/')[-2:])}:{line}", file, line) for file, line in lines)
