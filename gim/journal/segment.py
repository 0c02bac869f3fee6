"""A log file that is written through a memory mapping.

A call to the kernel for each message costs a fifth of all CPU of a private message; a copy into mapped
pages costs 3 %. The pages are those of the kernel's cache, as after `write`: they outlive the process
whatever ends it, and a sync takes them to the disk. A file is filled with zeros ahead of the records, so
its blocks are there before a record is copied: a full or broken disk shows in that write, which can be
refused, and not as a signal on a page. Syncing blocks that are there takes half of the time, too.
"""

from __future__ import annotations

import os
from contextlib import suppress
from errno import ENOENT
from mmap import MADV_DONTNEED, PAGESIZE, mmap
from typing import Final
from zlib import crc32

from gim.journal.files import write_all
from gim.journal.records import MAGIC
from gim.journal.sums import sum_record

CHUNK: Final = 256 * 1024  # bytes filled with zeros at a time: some 0.1 ms, for some 1,700 messages
RELEASED: Final = 4 * 1024 * 1024  # bytes before the end that stay in the memory of the process
_ZEROS: Final = bytes(CHUNK)


class Segment:
    """An open log file. Records may be copied into ``map`` up to the offset ``room``."""

    def __init__(self, number: int, path: str, file: int, capacity: int, end: int, room: int) -> None:
        """For `make` and `open_again`. *room* is up to where the file is filled."""
        self.number = number
        self.path = path
        self.capacity = capacity
        self.room = room
        self._file = file
        self._released = 0
        self._checksum = self._summed = 0  # the CRC-32 of the bytes up to an offset
        self.map = mmap(file, capacity)
        self.add_up(end)

    def extend(self, end: int) -> None:
        """Fill the file with zeros at least up to *end*, which is not above the capacity.

        May raise `OSError`, also if the file was removed; what was written before is not touched.
        """
        if not os.fstat(self._file).st_nlink:
            raise OSError(ENOENT, "the log was removed")
        while self.room < end:
            size = min(CHUNK - self.room % CHUNK, self.capacity - self.room)
            written = os.pwrite(self._file, _ZEROS[:size], self.room)
            self.room += written

    def add_up(self, end: int) -> None:
        """Add what was written up to *end* to the checksum of the file; nothing before changes any more.

        It is still in the caches of the CPU if this is called after each `CHUNK`: some 0.1 ms.
        """
        with memoryview(self.map) as content, content[self._summed : end] as added:
            self._checksum = crc32(added, self._checksum)
        self._summed = end
        self._release(end)

    def _release(self, end: int) -> None:
        """Give back the memory of pages that will not be written to again."""
        passed = (end - RELEASED) // PAGESIZE * PAGESIZE
        if passed - self._released >= RELEASED:
            self.map.madvise(MADV_DONTNEED, self._released, passed - self._released)
            self._released = passed

    def rename(self, path: str) -> None:
        """Give the file another name. May raise `OSError`."""
        os.rename(self.path, path)
        self.path = path

    def sync(self) -> None:
        """Take all that was written to the disk. May raise `OSError`, and waits for the disk."""
        os.fdatasync(self._file)

    def finish(self, end: int) -> None:
        """Close the file, cut to what was written, and its checksum. It must be synced, added up to the
        *end*, and not be written to any more."""
        self.map.close()
        record = sum_record(self._checksum)
        try:
            os.ftruncate(self._file, end)
            os.pwrite(self._file, record, end)
            os.fsync(self._file)
        finally:
            os.close(self._file)

    def abandon(self) -> None:
        """Close the file as it is. Never raises."""
        self.map.close()
        with suppress(OSError):
            os.close(self._file)


def make(number: int, path: str, capacity: int) -> Segment:
    """Make a log file. May raise `OSError`; then there is none."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        write_all(file, MAGIC)
        return _mapped(number, path, file, capacity, len(MAGIC))
    except BaseException:
        os.close(file)
        os.unlink(path)
        raise


def open_again(number: int, path: str, capacity: int, end: int) -> Segment:
    """Go on writing a log file at the offset *end*; what is behind it is removed. May raise `OSError`."""
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.ftruncate(file, end)
        return _mapped(number, path, file, max(capacity, end), end)
    except BaseException:
        os.close(file)
        raise


def _mapped(number: int, path: str, file: int, capacity: int, end: int) -> Segment:
    os.ftruncate(file, capacity)
    segment = Segment(number, path, file, capacity, end, end)
    try:
        segment.extend(min(end + 1, capacity))
    except BaseException:
        segment.map.close()
        raise
    return segment
