"""Writes log files again without the records that are not needed any more."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from msgspec import Struct

from gim.journal.files import sync_directory
from gim.journal.new_file import NewFile
from gim.journal.pace import Pace
from gim.journal.records import BEGIN, HEADER, HEADER_SIZE, MAGIC, encode, frame, records
from gim.journal.sums import sum_record
from gim.journal.threads import Threads

PORTION: Final = 256 * 1024  # bytes that are read at a time
RECORDS_PER_CHECK: Final = 32  # some 0.08 ms


class Damaged(Exception):
    """A record of a file that is to be written again is not valid."""

    def __init__(self, path: str, offset: int) -> None:
        super().__init__(f"{path}: the record at offset {offset} is damaged")
        self.path = path


class Compacted(Struct, frozen=True):
    """What is left: bytes of the file, and how many records with how many bytes. 0 for no file."""

    size: int
    records: int
    bytes: int


class Compaction:
    """Joins log files to one that has the number of the first: with what *keep* returns for each record.

    *keep* returns None for a record that is to go, the payload itself, or another one.
    """

    def __init__(
        self,
        sources: list[tuple[int, str]],
        keep: Callable[[bytes], bytes | None],
        settle: Callable[[], Awaitable[object]],
        pace: Pace,
        threads: Threads,
        room: int = 0,
    ) -> None:
        """*sources* are numbers and paths. *settle* is awaited before the old files go: what *keep*
        went by must be on the disk then. *room* is about how many bytes are kept: see `NewFile.open`."""
        self._sources = sources
        self._keep = keep
        self._settle = settle
        self._pace = pace
        self._threads = threads
        self._room = room
        self._new = NewFile(sources[0][1], threads)
        self._records = self._bytes = 0

    async def run(self) -> Compacted:
        """Put the new file in the place of the first one, unless no record is left.

        The other files, without a record all of them, are to be removed then: they are not needed, and do
        no harm. Raises `Damaged` or `OSError`; then all files are as they were.
        """
        new = self._new
        try:
            await new.open(self._room)
            new.add(frame(encode((BEGIN, self._sources[0][0], None, True))))
            for _, path in self._sources:
                await self._copy(path)
            if self._records:
                await new.write()
                new.add(sum_record(new.checksum))
                await new.complete()
            await self._settle()
            if self._records:
                await new.replace()
        except Exception:
            await new.discard()
            raise
        if not self._records:
            await new.discard()
        return Compacted(new.size if self._records else 0, self._records, self._bytes)

    async def _copy(self, path: str) -> None:
        file = await self._threads.run(os.open, path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = (await self._threads.run(os.fstat, file)).st_size
            await self._copy_records(path, file, size)
        finally:
            self._threads.run(os.close, file)

    async def _copy_records(self, path: str, file: int, size: int) -> None:
        data = await self._read(file, PORTION)
        if not data.startswith(MAGIC):
            raise Damaged(path, 0)
        offset, data = len(MAGIC), data[len(MAGIC) :]  # where the data is in the file
        while True:
            taken = await self._take(data)
            offset, data = offset + taken, data[taken:]
            missing = _missing(data, size - offset)
            if missing is None:
                raise Damaged(path, offset)
            following = await self._read(file, max(missing, PORTION))
            if not following:
                break
            data = following if _is_end(data) else data + following
        if data.strip(b"\0"):
            raise Damaged(path, offset)

    async def _read(self, file: int, size: int) -> bytes:
        read: bytes = await self._threads.run(os.read, file, size)
        self._pace.begin()
        return read

    async def _take(self, data: bytes) -> int:
        """Take the whole records at the beginning of some data; return how many bytes they are."""
        keep, add, end = self._keep, self._new.add, 0
        for count, (offset, payload) in enumerate(records(data, 0), 1):
            end = offset + HEADER_SIZE + len(payload)
            kept = keep(payload)
            if kept is not None:
                record = data[offset:end] if kept is payload else frame(kept)
                self._records += 1
                self._bytes += len(record)
                if add(record):
                    await self._new.write()
                    self._pace.begin()
            if count % RECORDS_PER_CHECK == 0 and self._pace.is_over():
                await self._pace.pause()
        return end


def _is_end(data: bytes) -> bool:
    """Say whether no record begins with some data: a length of 0 ends them."""
    return len(data) >= HEADER_SIZE and not HEADER.unpack_from(data)[0]


def _missing(data: bytes, left: int) -> int | None:
    """Return how many bytes of the record are missing that some data begin with, None if it is not
    valid.

    *left* is how many bytes the file has from there on. Only zeros follow the end of the records.
    """
    if len(data) < HEADER_SIZE:
        return 0
    if _is_end(data):
        return None if data.strip(b"\0") else 0
    size = HEADER_SIZE + HEADER.unpack_from(data)[0]
    return size - len(data) if len(data) < size <= left else None


async def remove(paths: list[str], threads: Threads) -> None:
    """Remove files that may be gone already, the last one first, and make that last.

    May raise `OSError`; then it may be repeated.
    """
    for path in reversed(paths):
        await threads.run(_unlink, path)
    if paths:
        await threads.run(sync_directory, os.path.dirname(paths[0]))


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)
