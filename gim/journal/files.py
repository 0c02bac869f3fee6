"""The names of the files in a data directory, and what is done to files so that it lasts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

LOG: Final = "log"
STATE: Final = "state"
TEMPORARY: Final = ".tmp"

_NAME = re.compile(r"(log|state)-(\d{8,})\.gim")


class NumberedFile(Struct, frozen=True, order=True):
    """A log segment, or the checkpoint that began with the log of its number."""

    number: int
    path: str


def path_of(directory: str, kind: str, number: int) -> str:
    """Return the path of a log or a state file."""
    return os.path.join(directory, f"{kind}-{number:08}.gim")


def files_of(directory: str, kind: str) -> list[NumberedFile]:
    """Return the logs or the state files of a directory, in the order of their numbers."""
    found = (_NAME.fullmatch(name) for name in os.listdir(directory))
    return sorted(
        NumberedFile(int(match[2]), os.path.join(directory, match[0]))
        for match in found
        if match is not None and match[1] == kind
    )


def sync_directory(path: str) -> None:
    """Make the names of a directory last: of files that were made, renamed, removed."""
    with _opened(path, os.O_RDONLY | os.O_DIRECTORY) as number:
        os.fsync(number)


def sync_file(path: str) -> None:
    """Make what is in a file last."""
    with _opened(path, os.O_RDONLY) as number:
        os.fdatasync(number)


def write_file(path: str, content: bytes) -> None:
    """Replace a file as a whole: a crash leaves the old one or the new one."""
    with _opened(path + TEMPORARY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as number:
        write_all(number, content)
        os.fsync(number)
    os.replace(path + TEMPORARY, path)
    sync_directory(os.path.dirname(path))


def write_all(number: int, content: bytes) -> None:
    """Write all of *content* to an open file."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(number, rest) :]


def read_file(path: str) -> bytes:
    """Return what a file holds."""
    with open(path, "rb") as file:
        return file.read()


@contextmanager
def _opened(path: str, flags: int) -> Iterator[int]:
    number = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        yield number
    finally:
        os.close(number)
