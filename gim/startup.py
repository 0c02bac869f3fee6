"""How a start fails: with one line on stderr, exit status 1 and no traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class InvalidSetting(ValueError):
    """A setting can't be used. ``source`` names the option or the variable, ``reason`` is one sentence
    that says what to do."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason


class StartupError(SystemExit, Exception):
    """gim can't start; the text says why in one line. Ends the process with status 1.

    It is an `Exception` as well so that twistd takes it for an error of the start: it removes the pid
    file, and informs the process that waits for the daemon to start.
    """

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self.code = 1  # the interpreter would print a text: `reported` has done that


@contextmanager
def reported() -> Iterator[None]:
    """Print a `StartupError` that is raised within, and raise it again.

    It goes to the stderr that the process began with: twistd sends what is written to `sys.stderr` to
    its log.
    """
    try:
        yield
    except StartupError as error:
        print(f"gim: {error}", file=sys.__stderr__, flush=True)
        raise
