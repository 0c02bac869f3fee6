"""Writes the state of the store to a file, in portions, while the store goes on."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator

from gim.journal.files import STATE, path_of
from gim.journal.journal import Journal
from gim.journal.new_file import NewFile
from gim.journal.pace import Pace
from gim.journal.records import frame
from gim.journal.threads import Threads
from gim.storage.durable.effects import Seal, Slice, StateEffect, encode


async def write_checkpoint(
    portions: Iterator[list[StateEffect]],
    journal: Journal,
    settle: Callable[[], Awaitable[object]],
    pace: Pace,
    threads: Threads,
) -> int:
    """Write a checkpoint that begins with the current log; return the number, which is that of both.

    Each of *portions* holds the state at the moment when it is taken. *settle* is awaited before the
    checkpoint counts: what the portions hold must be on the disk in the logs then. Raises `OSError`; then
    the older checkpoint is as it was.
    """
    number, _ = journal.position
    new = NewFile(path_of(journal.directory.path, STATE, number), threads)
    try:
        await new.open(sum(os.stat(state.path).st_size for state in journal.directory.states()[-1:]))
        await _write_portions(new, portions, journal, pace)
        new.add(frame(encode(Seal())))
        await new.complete()
        await settle()
        await new.replace()
    except Exception:
        await new.discard()
        raise
    return number


async def _write_portions(
    new: NewFile, portions: Iterator[list[StateEffect]], journal: Journal, pace: Pace
) -> None:
    pace.begin()
    for effects in portions:
        is_full = new.add(frame(encode(Slice(*journal.position, tuple(effects)))))
        if is_full:
            await new.write()
            pace.begin()
        elif pace.is_over():
            await pace.pause()
