"""How a daemon ends that runs already and can't go on: in order, with one line and exit status 1."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.error import ReactorNotRunning

from gim.log.logger import Logger

_log = Logger()


class FatalEnd:
    """Ends the process for a reason that is found while it runs. Later reasons are only logged."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._has_begun = False
        self.hurry: Callable[[], None] = lambda: None  # lets the stop wait for no client

    def end(self, line: str) -> None:
        """Stop the reactor, and with it the daemon. *line* says why: it goes to the log and to stderr."""
        _log.critical("can't go on: {line}", line=line)
        if self._has_begun:
            return
        self._has_begun = True
        print(f"gim: {line}", file=sys.__stderr__, flush=True)
        atexit.register(_exit_with_failure)
        self.hurry()
        self._reactor.callWhenRunning(self._stop)  # at once, unless it is only about to run

    def _stop(self) -> None:
        with suppress(ReactorNotRunning):  # it is stopping already
            self._reactor.stop()


def _exit_with_failure() -> None:
    """Replace the exit status of twistd, which is 0 whenever the reactor has stopped."""
    for stream in sys.stdout, sys.stderr:
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(1)
