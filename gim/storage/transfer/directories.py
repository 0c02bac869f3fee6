"""Dumps of data directories, and loading into new ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from msgspec.structs import replace
from twisted.internet.task import Clock

from gim.concurrency.clocks import WallClock
from gim.journal.backup import Unfit, filling, meta_of, snapshot, survey_now
from gim.journal.directory import Meta, check_directory
from gim.journal.survey import Progress, Survey
from gim.limits.limits import LimitHits, Limits
from gim.storage.durable.restore import restore
from gim.storage.memory.data import MemoryData
from gim.storage.settings import MemorySettings
from gim.storage.storage_limits import StorageLimits
from gim.storage.transfer.from_memory import MemorySource
from gim.storage.transfer.lines import Entry, Head
from gim.storage.transfer.to_directory import DirectoryTarget
from gim.storage.transfer.writer import DumpWriter

_NO_LIMIT: Final = 0


def dump_directory(
    path: str,
    settings: MemorySettings,
    writer: DumpWriter,
    on_line: Callable[[], None],
    wall: WallClock,
) -> None:
    """Write all that is in a data directory, which a server may use meanwhile.

    Raises `Unfit`, `gim.startup.StartupError`, `gim.journal.copying.Restless` or `OSError`.
    """
    with opened(path, settings, wall) as directory:
        source = MemorySource(directory.data, directory.meta.created)
    writer.begin(source.head())
    for line in source.entries():
        writer.put(line)
        on_line()
    writer.finish()


class OpenDirectory(NamedTuple):
    """What a data directory holds: as a server would load it, and file by file."""

    data: MemoryData
    meta: Meta
    files: Survey


@contextmanager
def opened(path: str, settings: MemorySettings, wall: WallClock) -> Iterator[OpenDirectory]:
    """Load a data directory, whose files stay as they are while the context lasts.

    The limits of the *settings* apply. Sequences are kept whether the settings number messages or not.
    Raises as `dump_directory` does.
    """
    meta = meta_of(path)
    with snapshot(path, cuts=True) as copy:
        found = survey_now(copy)
        if found.problems:
            text = found.problems[0].text.replace(copy, path)
            raise Unfit(f"{text}: `gim log verify {path}` lists all damage")
        data = _empty(replace(settings, sequences=True), meta, wall)
        restored = [one for one in restore(data, found, Progress()) if one is not None]
        if restored[0].problems:
            raise Unfit(restored[0].problems[0].replace(copy, path))
        yield OpenDirectory(data, meta, found)


def _empty(settings: MemorySettings, meta: Meta, wall: WallClock) -> MemoryData:
    clock = Clock()
    limits = Limits(**dict.fromkeys(Limits.__struct_fields__, _NO_LIMIT))
    return MemoryData(
        clock,
        wall,
        settings,
        StorageLimits.of(limits, LimitHits(is_enforced=True), clock),
        epoch=meta.epoch,
        token_key=bytes.fromhex(meta.token_key),
    )


def load_directory(
    path: str, segment_size: int, head: Head, lines: Iterable[Entry], keeps_epoch: bool
) -> None:
    """Make a data directory of a dump, in a directory that is empty or does not exist.

    Raises `Unfit`, `gim.startup.StartupError`, `OSError`, and what the *lines* raise; then nothing of it
    is left. It needs as much memory as the dump has bytes, about.
    """
    if os.path.exists(path):
        check_directory(path)
    with filling(path):
        target = DirectoryTarget(path, segment_size)
        for line in lines:
            target.put(line)
        target.finish(head, keeps_epoch)
