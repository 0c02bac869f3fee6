"""Puts a data directory right before it is loaded: cuts off a torn end, sets damaged records aside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from operator import attrgetter
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gim.concurrency.clocks import WallClock
from gim.journal.directory import DataDirectory
from gim.journal.files import LOG, path_of, read_file, sync_directory, write_file
from gim.journal.records import BEGIN, MAGIC, SEAL, SUM, encode, frame, kind_of
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
    if found.torn:
        found = _cut(directory, found)
    if found.problems:
        found = _keep_going(directory, found)
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
        "the end of {path}, {size} B, was being written when the server or the machine went down. "
        "It is cut off and kept in {name}",
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
    damaged = {problem.path for problem in found.problems if problem.finding is not None}
    damaged = set(filter(os.path.exists, damaged))  # one with nothing but a torn end is gone
    for problem in found.problems:
        _log.error("{text}. The server goes on without it", text=problem.text)
    for path in damaged:
        shutil.copy2(path, aside)
    directory.renew_epoch()  # first: after a crash the next start may find nothing wrong
    added = _put_missing(directory.path, found)
    logs = sorted([*found.logs, *added], key=attrgetter("number"))
    changed = damaged | {log.path for log in added}
    first = next((place for place, log in enumerate(logs) if log.path in changed), len(logs))
    state = found.state
    found = replace(
        found,
        state=_mended_state(state) if state is not None and state.path in damaged else state,
        logs=logs[:first] + [_mended_log(log, log.path in damaged) for log in logs[first:]],
    )
    _log.error("some data is lost: clients load theirs anew. The damaged files are in {path}", path=aside)
    return found


def _put_missing(path: str, found: Survey) -> list[Finding]:
    """Put logs without records in the place of missing ones.

    The log goes on in the last one. In one that is older than the checkpoint only messages would count.
    """
    first = found.state.number if found.state is not None else 1
    numbers = {log.number for log in found.logs}
    wanted = range(first, max({first, *numbers}) + 1)
    return [_begun(path_of(path, LOG, one), one) for one in wanted if one not in numbers]


def _begun(path: str, number: int) -> Finding:
    """Write a log that has only begun."""
    return _written(path, number, [encode((BEGIN, number, None))])


def _mended_log(log: Finding, is_damaged: bool) -> Finding:
    """Write a log again: with its valid records, and without what it says of the length of the one
    before it."""
    found = valid_records(read_file(log.path))
    kept = [payload for offset, payload in found if is_damaged or offset < log.end]
    if log.end > len(MAGIC) and log.begins != log.number:
        kept = []
    kept = [payload for payload in kept if kind_of(payload) not in (BEGIN, SUM)]
    return _written(log.path, log.number, [encode((BEGIN, log.number, None)), *kept])


def _mended_state(state: Finding) -> Finding:
    """Write a checkpoint again with what is left of it."""
    found = [payload for _, payload in valid_records(read_file(state.path))]
    kept = [payload for payload in found if kind_of(payload) != SEAL]
    return _written(state.path, state.number, [*kept, encode((SEAL,))])


def _written(path: str, number: int, payloads: list[bytes]) -> Finding:
    content = b"".join([MAGIC, *map(frame, payloads)])
    write_file(path, content)
    return check_now(path, number, content)
