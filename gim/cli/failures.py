"""How a command fails: with one line on stderr and an exit status."""

from __future__ import annotations

REFUSED = 1  # the server says no, something is not found, a file can't be used
MISUSED = 2  # the arguments make no sense, as argparse has it
UNREACHABLE = 3
TIMED_OUT = 4
INTERRUPTED = 130  # by Ctrl-C, as shells have it: 128 + SIGINT
BROKEN_PIPE = 141  # whatever reads the output has ended: 128 + SIGPIPE


class Failure(Exception):
    """The command can't do what it was asked for; the text says why in one line."""

    status = REFUSED


class Refused(Failure):
    """The server answered with an error of its own. ``code`` is that of docs/errors.md, ``retry_after``
    how many seconds to wait before the next try, 0 if the server does not say."""

    def __init__(self, code: int, msg: str, retry_after: float = 0.0) -> None:
        super().__init__(f"{code}, {msg}")
        self.code = code
        self.msg = msg
        self.retry_after = retry_after


class Misuse(Failure):
    """An argument is missing, or arguments do not go together."""

    status = MISUSED


class Unreachable(Failure):
    """No server answers at this address, or what answers is not gim."""

    status = UNREACHABLE


class TimedOut(Failure):
    """The server did not answer in time. It may have done what it was asked for."""

    status = TIMED_OUT
