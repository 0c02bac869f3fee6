"""What ties a worker to its parent: no worker outlives it, and only the parent tells a worker to stop."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal

PR_SET_PDEATHSIG = 1  # prctl(2): the signal that a process gets when its parent ends
# Signals for the parent, which the whole process group or control group may get.
IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
ORPHANED = 70  # exit status of a worker whose parent has ended; EX_SOFTWARE of sysexits.h


def tie_to_parent(parent: int) -> None:
    """Ignore the signals for the parent, and die with it. *parent* is its pid.

    Must be called in the main thread, before anything else. A crash of the interpreter prints a traceback
    from now on: the parent logs it.
    """
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    faulthandler.enable(2)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_PDEATHSIG, *map(ctypes.c_ulong, (signal.SIGKILL, 0, 0, 0))) != 0:
        raise OSError(ctypes.get_errno(), "prctl: the worker could outlive its parent")
    if os.getppid() != parent:  # it has ended before the call
        end(ORPHANED)


def parent_lost(why: str) -> None:
    """End this process at once, as the link to the parent has ended. For ``on_end`` of its channel."""
    end(ORPHANED)


def end(status: int) -> None:
    """End this process without the interpreter's own tidying: nothing here needs it."""
    os._exit(status)
