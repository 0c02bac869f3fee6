"""What a data directory holds, file by file, and what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from gim.journal.files import LOG, STATE, files_of, read_file
from gim.journal.records import MAGIC, Position
from gim.journal.scan import NOWHERE, Finding, check, summed


class Problem(Struct, frozen=True):
    """A record that was on the disk and is not valid, or a file that is missing: see ``text``."""

    path: str
    text: str
    finding: Finding | None  # None for a missing file


class Survey(Struct, frozen=True, kw_only=True):
    """The files that count.

    ``end`` is where the log goes on, None without any log. ``torn`` has the last log if it must be cut at
    its ``end``, and the ones behind it, which the power cut that tore it made worthless.
    """

    state: Finding | None  # the newest checkpoint
    logs: list[Finding]  # in order, as far as they count: each up to its ``end``
    torn: list[Finding]
    problems: list[Problem]

    @property
    def end(self) -> Position | None:
        """Where the log goes on."""
        return (self.logs[-1].number, self.logs[-1].end) if self.logs else None


class Progress(Struct):
    """How many bytes of all have been read."""

    done: int = 0
    total: int = 0


def survey(path: str, progress: Progress, counts: bool = False) -> Iterator[Survey | None]:
    """Check all files of a data directory. Yields None now and then, and the survey at last.

    Without *counts*, the records of a log that ends in its checksum are not counted. Changes nothing.
    May raise `OSError`.
    """
    states, logs = files_of(path, STATE)[-1:], files_of(path, LOG)
    files = [*states, *logs]
    progress.total = sum(os.stat(file.path).st_size for file in files)
    findings: list[Finding] = []
    for file in files:
        data = read_file(file.path)
        whole = None if counts else summed(file.path, file.number, data)
        for found in check(file.path, file.number, data) if whole is None else (whole,):
            if found is None:
                yield None
            else:
                findings.append(found)
        progress.done += len(data)
    state = findings[0] if states else None
    yield _judged(path, state, findings[len(states) :])


def _judged(path: str, state: Finding | None, logs: list[Finding]) -> Survey:
    first = state.number if state is not None else 1
    problems = [*_of_state(state), *_missing(path, first, logs), *_foreign(first, logs)]
    files = logs if state is None else [state, *logs]
    synced = max((file.synced for file in files), default=NOWHERE)
    kept: list[Finding] = []
    torn: list[Finding] = []
    for place, log in enumerate(logs):
        following = logs[place + 1] if place + 1 < len(logs) else None
        is_next = following is not None and following.number == log.number + 1
        log, is_whole = _within_bounds(log, following if is_next and log.number >= first else None)
        kept.append(log)
        if is_whole:
            if following is None and synced[0] == log.number and synced[1] > log.end:
                problems.append(_shorter(log, synced[1]))
            continue
        is_last = following is None or log.number >= first
        if log.kind == "damaged" or not is_last or synced > (log.number, log.end):
            problems.append(_damaged(log))
        else:
            torn = [log, *logs[place + 1 :]]
            break
    return Survey(state=state, logs=kept, torn=torn, problems=problems)


def _within_bounds(log: Finding, following: Finding | None) -> tuple[Finding, bool]:
    """Return a log as far as it counts, and whether it is whole.

    The log behind it says how long it is: longer if some of it never got onto the disk, shorter if some
    of it was written again there.
    """
    length = following.valid_before if following is not None else None
    if length is None:
        return log, log.kind == "clean"
    if log.end >= length:
        return replace(log, end=length, kind="clean"), True
    return log, False


def _missing(path: str, first: int, logs: list[Finding]) -> list[Problem]:
    """Return the logs from *first* on that are not there."""
    numbers = {log.number for log in logs}
    last = max(numbers, default=first - 1)
    if not numbers and first == 1:
        return []
    wanted = range(first, max(last, first) + 1)
    return [
        Problem(path, f"the log with the number {number} is missing", None)
        for number in wanted
        if number not in numbers
    ]


def _of_state(state: Finding | None) -> list[Problem]:
    """Return what is wrong with a checkpoint."""
    if state is None or (state.kind == "clean" and state.is_sealed):
        return []
    if state.kind != "clean":
        return [_damaged(state)]
    return [Problem(state.path, f"{state.path}: the end is missing, behind offset {state.end}", state)]


def _foreign(first: int, logs: list[Finding]) -> list[Problem]:
    """Return the logs that stand in the place of others. *first* is the one with the checkpoint."""
    problems = []
    for log in logs:
        if log.end > len(MAGIC) and log.begins != log.number:
            text = f"{log.path}: the records are not those of this log"
            problems.append(Problem(log.path, text, log))
        elif log.is_rewritten and log.number >= first:
            text = f"the checkpoint after {log.path} is missing"
            problems.append(Problem(log.path, text, log))
    return problems


def _shorter(log: Finding, length: int) -> Problem:
    text = f"{log.path}: the records from offset {log.end} to {length} are missing"
    return Problem(log.path, text, log)


def _damaged(finding: Finding) -> Problem:
    where = f"{finding.path}: the record at offset {finding.end} is damaged"
    return Problem(finding.path, where, finding)


Damage = Literal["refuse", "keep-going"]
