"""A line on standard error that shows how far something is which takes longer than a second."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

from gim.cli.output import GREEN, Output, count, width

T = TypeVar("T")

QUIET_S = 1.0  # until the line is shown
_REDRAW_S = 0.1
_BAR = 30  # cells, where the terminal is wide enough
_MIN_BAR = 5
_DEFAULT_COLUMNS = 80
_ERASE = "\r\x1b[K"  # of ECMA-48: to the first column, erase the line


class Progress:
    """Draws the line again and again, on a terminal alone; nothing is left of it after `clear`."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._next_at = monotonic() + QUIET_S
        self._is_shown = False

    def show(self, text: str, share: float | None = None) -> None:
        """Draw a text, with a bar for the *share* that is done, 0 to 1."""
        now = monotonic()
        if now < self._next_at or not self._output.shows_progress:
            return
        self._next_at = now + _REDRAW_S
        self._is_shown = True
        self._write(_ERASE + self._line(text, share))

    def clear(self) -> None:
        """Erase the line; it may be drawn again."""
        if self._is_shown:
            self._is_shown = False
            self._write(_ERASE)

    def each(self, items: Iterable[T], what: str) -> Iterator[T]:
        """Yield the items, and show how many there were; *what* says what they are. As JSON the items
        show it themselves: each is printed as it comes."""
        if self._output.is_json:
            yield from items
            return
        try:
            for number, item in enumerate(items, 1):
                self.show(f"{count(number)} {what}")
                yield item
        finally:
            self.clear()

    def _line(self, text: str, share: float | None) -> str:
        room = _columns() - 1  # a character in the last column would begin a new line
        if share is None:
            return text[:room]
        done = min(max(share, 0.0), 1.0)
        percent = f" {done:4.0%}"
        size = min(_BAR, room - width(text) - len(percent) - 3)
        if size < _MIN_BAR:
            return f"{text}{percent}"[:room]
        full = round(size * done)
        bar = self._output.colored_note("#" * full, GREEN) + "-" * (size - full)
        return f"{text} [{bar}]{percent}"

    @staticmethod
    def _write(text: str) -> None:
        print(text, end="", file=sys.stderr, flush=True)


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _DEFAULT_COLUMNS
    except OSError:
        return _DEFAULT_COLUMNS
