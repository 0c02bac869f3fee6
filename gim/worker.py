"""``python -m gim.worker``: a worker process, as `gim.workers.supervisor` starts it.

Its arguments are its number, for people who look at the list of processes, and the pid of its parent. It
reads what it begins with from its standard input: see `gim.workers.start`.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gim.workers import start as starts
from gim.workers.lifeline import tie_to_parent

if TYPE_CHECKING:
    from gim.workers.start import Start


def main() -> None:
    """Serve until the parent says otherwise, or ends."""
    gc.disable()  # a twelfth of the CPU time until `run` has built everything
    if len(sys.argv) != 3:
        sys.exit("gim starts its workers itself: give it the option --gateway-worker")
    tie_to_parent(int(sys.argv[2]))
    with open(0, "rb") as pipe:
        start = starts.read(pipe.read())
    os.open(os.devnull, os.O_RDONLY)  # gets the number 0: no other file is to be the standard input
    import_module(start.reactor).install()
    run(start)


def run(start: Start) -> None:
    """Serve with the reactor that is installed."""
    from twisted.internet import reactor

    from gim.concurrency.clocks import follow_monotonic_time
    from gim.net.open_files import raise_limit

    raise_limit(reactor)
    follow_monotonic_time(reactor)
    with suppress(OSError):  # a directory that this user may not enter: its files are in memory
        os.chdir(os.fsdecode(start.directory))
    from gim.daemon.build_worker import make_worker

    daemon = make_worker(start, reactor)
    gc.enable()
    daemon.startService()
    untyped: Any = reactor
    untyped.run(installSignalHandlers=False)  # the parent gets the signals


if __name__ == "__main__":
    main()
