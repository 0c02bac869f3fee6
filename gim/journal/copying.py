"""Takes the files of a data directory as they belong together, while a server may go on writing to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from gim.journal.files import LOG, STATE, NumberedFile, files_of, write_file
from gim.journal.scan import check_now

ROUNDS: Final = 100  # looks at the directory until nothing in it has changed
_PAGE: Final = 4096  # bytes that are copied at once while a server writes

Take = Callable[[str, str], None]  # from a path to a path; raises `FileNotFoundError` if the file is gone


class Restless(Exception):
    """The files of a directory changed again and again while they were taken."""


def collect(source: str, target: str, take: Take, *, cuts: bool) -> None:
    """Take the newest checkpoint and all logs of one data directory into another, which is empty.

    Together they are a state that the server was in after the call began. A file that does not change any
    more is taken with *take*. The last log grows, so it is copied, and last of all: whatever the others
    depend on stands in it. With *cuts* its copy ends behind the last valid record, else behind the last
    byte.

    A checkpoint, a new log or a compaction may come meanwhile. So the directory is listed again until
    nothing in it is new. What was taken before a compaction stays as it was. What was taken after one
    needs the checkpoint that preceded it, and the next list has that.

    Raises `Restless`, or `OSError`.
    """
    taken = set[str]()
    for _ in range(ROUNDS):
        logs = files_of(source, LOG)
        files = [*files_of(source, STATE)[-1:], *logs[:-1]]
        wanted = [file for file in files if _name(file) not in taken]
        try:
            for file in wanted:
                take(file.path, os.path.join(target, _name(file)))
                taken.add(_name(file))
            if not wanted and logs:
                _copy_last(logs[-1], os.path.join(target, _name(logs[-1])), cuts)
            if not wanted:
                _drop_older_states(target)
                return
        except FileNotFoundError:  # it was replaced by others
            continue
    raise Restless(f"{source} changes too fast")


def _name(file: NumberedFile) -> str:
    return os.path.basename(file.path)


def _copy_last(log: NumberedFile, target: str, cuts: bool) -> None:
    data = read_growing(log.path)
    finding = check_now(log.path, log.number, data)
    cuts = cuts and finding.kind != "damaged"  # what is behind a damaged record is not for a copy to drop
    write_file(target, data[: finding.end if cuts else finding.size])


def _drop_older_states(target: str) -> None:
    for file in files_of(target, STATE)[:-1]:
        os.unlink(file.path)


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
