"""A file that is written in portions, and takes its place as a whole when it is complete."""

from __future__ import annotations

import os
from contextlib import suppress
from errno import ENOSPC
from typing import Final
from zlib import crc32

from gim.journal.files import TEMPORARY, sync_directory, write_all
from gim.journal.records import MAGIC
from gim.journal.threads import Threads

PORTION: Final = 256 * 1024  # bytes that are written at a time
RESERVE: Final = 4 * 1024 * 1024  # bytes of the disk that are left to the log meanwhile
SYNCED_AT_ONCE: Final = 8 * 1024 * 1024  # bytes: a larger sync would delay those of the log


class NewFile:
    """A file of records on its way. All that waits for the disk runs in *threads*.

    Methods may raise `OSError`; then, or when nothing more is to come, `discard` removes what was
    written. Only `replace` changes the file of the final name.
    """

    def __init__(self, path: str, threads: Threads) -> None:
        self.path = path
        self.checksum = 0  # the CRC-32 of what was written
        self.size = len(MAGIC)  # bytes, also of records that wait to be written
        self._threads = threads
        self._file = -1
        self._records = [MAGIC]
        self._waiting = len(MAGIC)  # bytes of ``_records``
        self._unsynced = 0

    async def open(self, room: int) -> None:
        """Make the file, under another name for now.

        Raises `OSError` unless the disk has *room* for so many bytes, and `RESERVE`.
        """
        await self._threads.run(_check_room, os.path.dirname(self.path), room)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._file = await self._threads.run(os.open, self.path + TEMPORARY, flags, 0o600)

    def add(self, record: bytes) -> bool:
        """Take a record; return whether so many wait that `write` should follow."""
        self._records.append(record)
        self._waiting += len(record)
        self.size += len(record)
        return self._waiting >= PORTION

    async def write(self) -> None:
        """Write what was added."""
        content = b"".join(self._records)
        self._records.clear()
        self.checksum = crc32(content, self.checksum)
        self._unsynced += self._waiting
        self._waiting = 0
        await self._threads.run(write_all, self._file, content)
        if self._unsynced >= SYNCED_AT_ONCE:
            await self._threads.run(os.fdatasync, self._file)
            self._unsynced = 0

    async def complete(self) -> None:
        """Write the rest, and take all to the disk."""
        await self.write()
        await self._threads.run(os.fsync, self._file)
        file, self._file = self._file, -1
        await self._threads.run(os.close, file)

    async def replace(self) -> None:
        """Put the file, which is complete, in the place of the one of its name."""
        await self._threads.run(os.replace, self.path + TEMPORARY, self.path)
        await self._threads.run(sync_directory, os.path.dirname(self.path))

    async def discard(self) -> None:
        """Remove what was written. Never raises."""
        await self._threads.run(remove_temporary, self._file, self.path + TEMPORARY)
        self._file = -1


def _check_room(path: str, room: int) -> None:
    disk = os.statvfs(path)
    if disk.f_bavail * disk.f_frsize < room + RESERVE:
        raise OSError(ENOSPC, f"no room on the disk for {room:,} bytes more, with a reserve for the log")


def remove_temporary(file: int, path: str) -> None:
    """Close a file unless it is -1, and remove it. Never raises."""
    with suppress(OSError):
        if file >= 0:
            os.close(file)
    with suppress(OSError):
        os.unlink(path)
