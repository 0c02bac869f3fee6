"""Makes the calls of a real process on the files of one directory fail, by a library that it loads."""

from __future__ import annotations

import ctypes
import mmap
import os
import random
import struct
import subprocess
from shutil import which
from struct import Struct
from typing import Literal

from twisted.python.filepath import FilePath

COMPILER = which("cc") or which("gcc")
MISSING = None if COMPILER else "a C compiler is missing: apt-get install gcc libc6-dev"
PAGE_BYTES = 4096
FOREVER = 2**62  # calls

# create stands for mkdir and link as well, rename for unlink
Kind = Literal["write", "sync", "create", "rename", "truncate"]
_KINDS: tuple[Kind, ...] = "write", "sync", "create", "rename", "truncate"
_ROOM = Struct("q")
_LIBC = ctypes.CDLL(None)
_STATX_INO, _STATX_BTIME = 0x100, 0x800
_CALL = Struct("5q")  # seen, from, until, errno, delay in microseconds


def failing_disk_library() -> str:
    """Compile failing_disk.c into trial's own directory, unless it is there; return its path."""
    library = FilePath("failing_disk.so")
    if not library.exists():
        source = FilePath(__file__).sibling("failing_disk.c").path
        words = [str(COMPILER), "-shared", "-fPIC", "-O1", "-o", library.path, source]
        subprocess.run(words, check=True, capture_output=True, timeout=60)
    return os.path.abspath(library.path)


class FailingDisk:
    """The disk below *directory*, as the processes that are started with `environment` see it.

    A test changes it at any time, also while they run. They must be new programs (``starts_afresh`` of
    `DaemonTestCase`), as a fork does not load the library. The kernel reports no errors for mapped
    pages, so neither does this disk.

    *beside* is a directory of the test's own, outside of *directory*.
    """

    def __init__(self, directory: FilePath[str], beside: FilePath[str]) -> None:
        self._below = FilePath(os.path.realpath(directory.path))
        beside = FilePath(os.path.abspath(beside.path))
        self._synced = beside.child("synced")
        self._synced.makedirs()
        control = beside.child("disk")
        control.setContent(bytes(_ROOM.size + _CALL.size * len(_KINDS)))
        with control.open("r+") as file:
            self._control = mmap.mmap(file.fileno(), 0)
        self.heal()
        self.environment = {
            "LD_PRELOAD": failing_disk_library(),
            "TEST_DISK": control.path,
            "TEST_DISK_BELOW": self._below.path,
            "TEST_DISK_SYNCED": self._synced.path,
        }

    def _at(self, kind: Kind) -> int:
        """Return where the numbers of a kind of call begin."""
        return _ROOM.size + _CALL.size * _KINDS.index(kind)

    def seen(self, kind: Kind) -> int:
        """Return how many calls of a kind there were so far."""
        seen: int = _CALL.unpack_from(self._control, self._at(kind))[0]
        return seen

    def fail(self, kind: Kind, error: int, after: int = 0, times: int = FOREVER) -> None:
        """Let *times* calls of a kind fail with this errno, once *after* more of them have succeeded."""
        first = self.seen(kind) + 1 + after
        # each field by itself: a process may count a call meanwhile
        at = self._at(kind)
        for index, value in (3, error), (2, first + times), (1, first):
            _ROOM.pack_into(self._control, at + index * _ROOM.size, value)

    def fill(self, room: int = 0) -> None:
        """Let the files grow by *room* bytes in all; a write beyond is cut short or fails with ENOSPC."""
        _ROOM.pack_into(self._control, 0, room)

    def delay(self, kind: Kind, seconds: float) -> None:
        """Let each call of a kind take longer."""
        _ROOM.pack_into(self._control, self._at(kind) + 4 * _ROOM.size, round(seconds * 1e6))

    def heal(self) -> None:
        """Let all calls succeed, with as much room as the real disk has."""
        _ROOM.pack_into(self._control, 0, -1)
        for kind in _KINDS:
            for index in 1, 2, 3, 4:
                _ROOM.pack_into(self._control, self._at(kind) + index * _ROOM.size, 0)

    def cut_power(self, chance: random.Random | None = None) -> None:
        """Leave of the directory what a power cut leaves. Its processes must have been killed before.

        Without *chance* that is what was synced alone: each file as of its last sync, under the names as
        of the last sync of its directory. With it the names are as of then or as of now, and each page
        that was written later has reached the disk or not, one independently of the other.
        """
        for names in self._synced.globChildren("names*"):
            inside = names.basename().removeprefix("names").strip("%")
            directory = self._below.descendant(inside.split("%")) if inside else self._below
            self._restore(directory, names, chance)
        for kept in self._synced.children():
            kept.remove()  # the next process takes what it finds as synced

    def _restore(
        self, directory: FilePath[str], names: FilePath[str], chance: random.Random | None
    ) -> None:
        lines = names.getContent().decode().splitlines()
        synced = {name: key for key, _, name in (line.partition(" ") for line in lines)}
        files = [path for path in directory.children() if path.isfile()]
        now = {path.basename(): _key(path) for path in files}
        written = {_key(path): path.getContent() for path in files}
        left = synced if chance is None else chance.choice((synced, now))
        for path in files:
            path.remove()
        for name, key in sorted(left.items()):
            kept = self._synced.child(key)
            content = kept.getContent() if kept.exists() else b""
            if chance is not None:
                content = _mixed(content, written.get(key, content), chance)
            directory.child(name).setContent(content)
            directory.child(name).chmod(0o600)


def _key(path: FilePath[str]) -> str:
    """Return inode and birth of a file, as the library writes them."""
    status = ctypes.create_string_buffer(256)  # a struct statx
    if _LIBC.statx(-1, path.path.encode(), 0, _STATX_INO | _STATX_BTIME, status) != 0:
        raise OSError(f"statx of {path.path} failed")
    inode, seconds, nanoseconds = struct.unpack_from("=32xQ40xqI", status)
    return f"{inode}-{seconds}-{nanoseconds}"


def _mixed(before: bytes, now: bytes, chance: random.Random) -> bytes:
    """Return a file of which each page is as of the last sync or as of now."""
    size = chance.choice((len(before), len(now)))
    pages = []
    for at in range(0, size, PAGE_BYTES):
        page = chance.choice((before, now))[at : min(at + PAGE_BYTES, size)]
        pages.append(page.ljust(min(PAGE_BYTES, size - at), b"\0"))
    return b"".join(pages)
