"""What is done to the whole process before anything else."""

from __future__ import annotations

import signal
from typing import Any

from gim.net.open_files import raise_limit


def prepare_process(reactor: Any) -> None:
    """Raise the limit of open files; ignore SIGHUP, which would end the process, until a `Reloader` of
    `gim.daemon.signals` takes it."""
    raise_limit(reactor)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
