"""Single keys from a terminal, for views that are drawn anew."""

from __future__ import annotations

import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

_END = "q"


@contextmanager
def keys() -> Iterator[int | None]:
    """Have keys arrive at once and unseen; yield the file to read them from, None without a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield None
        return
    file = sys.stdin.fileno()
    before = termios.tcgetattr(file)
    tty.setcbreak(file)
    try:
        yield file
    finally:
        termios.tcsetattr(file, termios.TCSADRAIN, before)


def is_ended(file: int | None, seconds: float) -> bool:
    """Wait for some seconds; return True as soon as the user presses q. Another key ends the wait."""
    if file is None:
        sleep(seconds)
        return False
    readable, _, _ = select.select([file], [], [], seconds)
    return bool(readable) and sys.stdin.read(1) == _END
