"""Copies a data directory while a server uses it, and holds one as it is."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Final

from msgspec.structs import replace

from gim.journal.copying import collect
from gim.journal.directory import Meta, read_meta, write_meta
from gim.journal.files import TEMPORARY, sync_directory, sync_file
from gim.journal.survey import Progress, Survey, survey

# what a file system says that has no hard links, or not to there
_NO_LINK: Final = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES})
_FILES: Final = "/proc/self/fd"  # where Linux has the open files of this process


class Unfit(Exception):
    """A directory can't be copied from, or not copied to; the text says why in one line."""


def meta_of(path: str) -> Meta:
    """Return what identifies the data in a directory.

    Raises `Unfit` for one without data, else as `read_meta` does.
    """
    if not os.path.isdir(path):
        raise Unfit(f"{path} is not a directory")
    meta = read_meta(path)
    if meta is None:
        raise Unfit(f"{path} holds no data of gim")
    return meta


def back_up(source: str, target: str) -> Survey:
    """Copy a data directory; return what is in the copy after all of it was read and found good.

    Files that do not change any more are hard links if the file system has them. The copy has an epoch of
    its own: a server that starts on it has lost what came later, so clients must not go on from there.

    Raises `Unfit`, `gim.journal.copying.Restless` or `OSError`; then nothing of the copy is left.
    """
    meta = meta_of(source)
    with filling(target):
        collect(source, target, _link, cuts=True)
        found = survey_now(target)
        if found.problems:
            text = found.problems[0].text.replace(target, source)
            raise Unfit(f"{text}: `gim log verify {source}` lists all damage")
        for torn in found.torn:  # a server that starts on the copy cuts them, which a link would share
            _copy(torn.path, torn.path + TEMPORARY)
            os.replace(torn.path + TEMPORARY, torn.path)
        write_meta(target, replace(meta, epoch=token_hex(8)))
    return found


@contextmanager
def filling(target: str) -> Iterator[None]:
    """Make a directory, or take one that is empty. If what follows fails, it is as it was before.

    Raises `Unfit` for a directory with anything in it, and for one whose parent does not exist.
    """
    is_new = not os.path.exists(target)
    if is_new:
        parent = os.path.dirname(os.path.abspath(target))
        if not os.path.exists(parent):
            raise Unfit(f"{parent} does not exist: make it first")
        os.mkdir(target, 0o700)
    elif not os.path.isdir(target):
        raise Unfit(f"{target} is not a directory")
    elif os.listdir(target):
        raise Unfit(f"{target} is not empty: name a directory that is, or one that does not exist")
    try:
        yield
        sync_directory(target)
        sync_directory(os.path.dirname(os.path.abspath(target)))
    except BaseException as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            error.filename = target
        for name in os.listdir(target):
            os.unlink(os.path.join(target, name))
        if is_new:
            os.rmdir(target)
        raise


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        _copy(source, target)
    else:
        sync_file(target)  # a server takes a log to the disk some time after it has begun the next one


def _copy(source: str, target: str) -> None:
    with open(source, "rb") as file, open(target, "xb", opener=_private) as copy:
        shutil.copyfileobj(file, copy, 2**20)
        copy.flush()
        os.fsync(copy.fileno())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def snapshot(source: str, *, cuts: bool) -> Iterator[str]:
    """Return a directory with the files of a data directory as they are now; it goes with the context.

    It holds links to files that this process keeps open: what a server removes or replaces stays there.
    See `collect` for *cuts*, and for what it raises.
    """
    opened: list[int] = []

    def take(path: str, target: str) -> None:
        if not os.path.isdir(_FILES):
            _copy(path, target)
            return
        opened.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        os.symlink(f"{_FILES}/{opened[-1]}", target)

    with tempfile.TemporaryDirectory(prefix="gim-") as target:
        try:
            collect(source, target, take, cuts=cuts)
            yield target
        finally:
            for file in opened:
                os.close(file)


def survey_now(path: str) -> Survey:
    """Check every record of a data directory at once. See `survey`."""
    found = [one for one in survey(path, Progress(), counts=True) if one is not None]
    return found[0]
