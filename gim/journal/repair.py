"""Puts a data directory right before it is loaded: cuts off a torn end, sets damaged records aside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gim.concurrency.clocks import WallClock
from gim.journal.directory import DataDirectory
from gim.journal.files import read_file, sync_directory, write_file
from gim.journal.records import MAGIC, frame
from gim.journal.scan import Finding, check_now, valid_records
from gim.journal.survey import Damage, Progress, Survey, survey
from gim.log.logger import Logger
from gim.startup import StartupError

DAMAGED: Final = "damaged"

_log = Logger()


class Repaired(Struct, frozen=True):
    """A directory all of whose records are valid, and how many files were damaged."""

    survey: Survey
    damaged: int


def repair(directory: DataDirectory, damage: Damage, progress: Progress) -> Iterator[Repaired | None]:
    """Check all files and put right what can be put right. Yields None now and then, and the result at
    last.

    A torn end is cut off and kept in a file of its own. Raises `StartupError` for damage, unless it is to
    keep going: then damaged files are copied aside, their valid records stay, and the epoch is a new one.
    """
    found: Survey | None = None
    for found in survey(directory.path, progress):
        if found is None:
            yield None
    assert found is not None
    if found.problems and damage == "refuse":
        raise StartupError(
            f"--data-dir: {found.problems[0].text}. `gim log verify {directory.path}` lists all damage; "
            "restore a backup, or start with --data-damage keep-going to go on without what is lost"
        )
    if found.problems:
        found = _keep_going(directory, found)
    if found.torn:
        found = _cut(directory, found)
    yield Repaired(found, len(found.problems))


def _cut(directory: DataDirectory, found: Survey) -> Survey:
    """Cut off what a crash left unfinished, and keep it in a file."""
    first, *others = found.torn
    lost = [read_file(first.path)[first.end : first.size]]
    lost += [read_file(other.path)[: other.size] for other in others]
    name = os.path.join(directory.path, f"lost-{WallClock().now_ms()}.bin")
    write_file(name, b"".join(lost))
    for other in others:
        os.unlink(other.path)
    if first.end < len(MAGIC):
        os.unlink(first.path)
    else:
        os.truncate(first.path, first.end)
    sync_directory(directory.path)
    _log.warn(
        "{size} bytes at the end of {path} were being written when the server or the machine went down. "
        "They are cut off and kept in {name}",
        size=sum(map(len, lost)),
        path=first.path,
        name=name,
    )
    logs = [log for log in found.logs if log.end >= len(MAGIC)]
    return replace(found, logs=logs, torn=[])


def _keep_going(directory: DataDirectory, found: Survey) -> Survey:
    """Set damaged files aside and go on with their valid records."""
    aside = os.path.join(directory.path, DAMAGED)
    os.makedirs(aside, mode=0o700, exist_ok=True)
    for problem in found.problems:
        _log.error("{text}. The server goes on without it", text=problem.text)
        if problem.finding is not None:
            shutil.copy2(problem.path, aside)
            _rewrite(problem.path)
    directory.renew_epoch()
    _log.error("some data is lost: clients load theirs anew. The damaged files are in {path}", path=aside)
    return replace(
        found,
        state=_checked(found.state) if found.state is not None else None,
        logs=[_checked(log) if log.kind == "damaged" else log for log in found.logs],
    )


def _rewrite(path: str) -> None:
    content = [MAGIC, *(frame(payload) for _, payload in valid_records(read_file(path)))]
    write_file(path, b"".join(content))


def _checked(finding: Finding) -> Finding:
    return check_now(finding.path, finding.number, read_file(finding.path))
