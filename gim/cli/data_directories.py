"""Data directories as commands use them: failures in one line, files as rows of a table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gim.cli.failures import Failure

if TYPE_CHECKING:
    from gim.journal.survey import Survey

CLEAN, TORN, DAMAGED, MISSING = "clean", "torn", "damaged", "missing"


@contextmanager
def explained() -> Iterator[None]:
    """Turn what is wrong with a data directory into a `Failure`."""
    from gim.journal.backup import Unfit
    from gim.journal.copying import Restless
    from gim.startup import StartupError

    try:
        yield
    except StartupError as error:
        raise Failure(str(error).removeprefix("--data-dir: ")) from error
    except (Unfit, Restless) as error:
        raise Failure(str(error)) from error


def verdicts(found: Survey) -> Iterator[dict[str, Any]]:
    """Yield for each file what it is, with the fields of ``gim log verify --json``."""
    damaged = {problem.path for problem in found.problems if problem.finding is not None}
    torn = {finding.path for finding in found.torn}
    files = [*([found.state] if found.state is not None else []), *found.logs, *found.torn[1:]]
    for finding in files:
        verdict = DAMAGED if finding.path in damaged else TORN if finding.path in torn else CLEAN
        yield {
            "file": os.path.basename(finding.path),
            "verdict": verdict,
            "records": finding.records,
            "bytes": finding.size,
            "valid": finding.end,
            "next_valid": finding.following if verdict == DAMAGED else None,
        }
    for problem in found.problems:
        if problem.finding is None:
            text = problem.text.removeprefix("the log with the number ").removesuffix(" is missing")
            yield {
                "file": f"log-{int(text):08}.gim",
                "verdict": MISSING,
                "records": 0,
                "bytes": 0,
                "valid": 0,
                "next_valid": None,
            }
