"""Ends of a command that come from outside while it waits for something else."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ends_from_outside() -> Iterator[None]:
    """Raise `BrokenPipeError` when what reads the standard output ends, `KeyboardInterrupt` at a signal.

    The signals are TERM, and HUP unless it is ignored. The task that waits is cancelled first, so that it
    can clean up.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    reasons: list[BaseException] = []
    pipe = _pipe()

    def end(reason: BaseException) -> None:
        reasons.append(reason)
        if pipe >= 0:
            loop.remove_reader(pipe)
        task.cancel()

    def on_signal(*signal: object) -> None:
        loop.call_soon_threadsafe(end, KeyboardInterrupt())

    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, on_signal)
    if pipe >= 0:
        # its writing end is never readable, but tells its end
        loop.add_reader(pipe, end, BrokenPipeError())
    try:
        yield
    except asyncio.CancelledError:
        if reasons:
            raise reasons[0] from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if pipe >= 0:
            loop.remove_reader(pipe)


def _pipe() -> int:
    """Return the file of the standard output if it is a pipe, else -1."""
    try:
        file = sys.stdout.fileno()
        return file if stat.S_ISFIFO(os.fstat(file).st_mode) else -1
    except (OSError, ValueError):  # closed, or in memory
        return -1
