"""Takes the files of a data directory as they belong together, while a server may go on writing to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from gim.journal.files import LOG, STATE, NumberedFile, files_of, write_file
from gim.journal.scan import check_now

ROUNDS: Final = 100  # times that the directory is listed, until nothing in it has changed
_PAGE: Final = 4096  # bytes that are copied at once while a server writes

_Identity = tuple[int, int, int]  # inode, bytes, time of the last change in ns
Take = Callable[[str, str], None]  # from a path to a path; raises `FileNotFoundError` if the file is gone


class Restless(Exception):
    """The files of a directory changed again and again while they were taken."""


def collect(source: str, target: str, take: Take, *, cuts: bool) -> None:
    """Take the newest checkpoint and all logs of one data directory into another, which is empty.

    Together they are a state that the server was in after the call began. A file that does not change any
    more is taken with *take*. The last log grows, so it is copied, and last of all: whatever the others
    depend on stands in it. With *cuts* its copy ends behind the last valid record, else behind the last
    byte.

    A checkpoint, a new log or a compaction may come meanwhile, so the directory is listed again until
    nothing in it is new. A compaction may put what two logs held into the first of them. So a file is
    taken again when another one has its name, and what is not there any more goes.

    Raises `Restless`, or `OSError`.
    """
    taken: dict[str, _Identity] = {}
    for _ in range(ROUNDS):
        try:
            logs = files_of(source, LOG)
            files = [*files_of(source, STATE)[-1:], *logs[:-1]]
            now = {_name(file): _identity(file.path) for file in files}
            wanted = [file for file in files if taken.get(_name(file)) != now[_name(file)]]
            for file in wanted:
                _take_again(take, file.path, os.path.join(target, _name(file)))
                taken[_name(file)] = now[_name(file)]
            if not wanted and logs:
                _copy_last(logs[-1], os.path.join(target, _name(logs[-1])), cuts)
        except FileNotFoundError:  # it was replaced by others
            continue
        if not wanted:
            _drop_others(target, {_name(file) for file in (*files, *logs)})
            return
    raise Restless(f"{source} changes too fast")


def _identity(path: str) -> _Identity:
    """Return what tells the file of a path from another one that takes its place."""
    status = os.stat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns


def _take_again(take: Take, source: str, target: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(target)
    take(source, target)


def _name(file: NumberedFile) -> str:
    return os.path.basename(file.path)


def _copy_last(log: NumberedFile, target: str, cuts: bool) -> None:
    data = read_growing(log.path)
    finding = check_now(log.path, log.number, data)
    cuts = cuts and finding.kind != "damaged"  # what is behind a damaged record is not for a copy to drop
    write_file(target, data[: finding.end if cuts else finding.size])


def _drop_others(target: str, names: set[str]) -> None:
    for name in os.listdir(target):
        if name not in names:
            os.unlink(os.path.join(target, name))


def read_growing(path: str) -> bytes:
    """Return what is in a file to which a server may be writing.

    A server fills it from the front, so it is read from the back, page by page. Then no record seems to
    be missing in front of another one: what comes first in the file is read last.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        starts = range(0, os.fstat(file).st_size, _PAGE)
        pages = [os.pread(file, _PAGE, start) for start in reversed(starts)]
    finally:
        os.close(file)
    return b"".join(reversed(pages))
