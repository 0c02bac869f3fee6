"""What commands print: data on standard output, as text or JSON, and notes on standard error."""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TextIO

from gim.characters import NOT_IN_NAMES, class_of

# what would move the cursor, change the direction of writing or begin a line
_UNSAFE = re.compile(class_of(NOT_IN_NAMES))
_GAP = "  "  # between two columns
BOLD, RED, GREEN, YELLOW = "1", "31", "32", "33"  # of ECMA-48, "select graphic rendition"


class Column(NamedTuple):
    """A column of a table: its title, and how to write the value of a row."""

    title: str
    write: Callable[[Any], str]
    is_number: bool = False


class Output:
    """Prints as the options of a command say."""

    def __init__(self, args: Namespace) -> None:
        self.is_json = args.json
        self._is_quiet = args.quiet
        self.has_color = not args.no_color and _takes_color(sys.stdout)
        self._notes_have_color = not args.no_color and _takes_color(sys.stderr)

    def record(self, data: Mapping[str, Any], text: str) -> None:
        """Print one thing: as JSON, or as a text."""
        print(as_json(data) if self.is_json else text)

    def done(self, data: Mapping[str, Any], text: str) -> None:
        """Print that something was done whose answer says nothing: as JSON, or as a note."""
        if self.is_json:
            print(as_json(data))
        else:
            self.note(text)

    def table(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> None:
        """Print a row for each thing: as JSON, or below titles in columns."""
        if self.is_json:
            for row in rows:
                print(as_json(row))
            return
        cells = [[column.write(row) for column in columns] for row in rows]
        titles = [column.title for column in columns]
        widths = [max(map(width, column)) for column in zip(titles, *cells, strict=True)]
        print(self.colored(_line(titles, widths, columns), BOLD))
        for row_cells in cells:
            print(_line(row_cells, widths, columns))

    def colored(self, text: str, color: str) -> str:
        """Return a text in a colour, where the output has colours."""
        return f"\x1b[{color}m{text}\x1b[0m" if self.has_color else text

    def note(self, text: str) -> None:
        """Print a line on standard error, unless notes are not wanted."""
        if not self._is_quiet:
            print(text, file=sys.stderr)

    def colored_note(self, text: str, color: str) -> str:
        """Return a text for standard error in a colour, where that has colours."""
        return f"\x1b[{color}m{text}\x1b[0m" if self._notes_have_color else text

    @property
    def shows_progress(self) -> bool:
        """Whether a line on standard error may be overwritten while something takes long: not beside
        JSON that goes into a pipe, whose reader may write to the same terminal."""
        is_piped = self.is_json and not sys.stdout.isatty()
        return not self._is_quiet and not is_piped and sys.stderr.isatty() and not _is_dumb()


def _takes_color(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and not _is_dumb()


def _is_dumb() -> bool:
    return os.environ.get("TERM", "") in ("", "dumb")


def _line(cells: Sequence[str], widths: Sequence[int], columns: Sequence[Column]) -> str:
    padded = []
    for cell, size, column in zip(cells, widths, columns, strict=True):
        space = " " * (size - width(cell))
        padded.append(space + cell if column.is_number else cell + space)
    return _GAP.join(padded).rstrip()


def width(text: str) -> int:
    """Return how many cells of a terminal a text takes: East Asian wide characters take two."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(bool(unicodedata.combining(character)) for character in text)


def safe(text: str) -> str:
    """Return a text for a terminal, in one line: what could control it is escaped."""
    return _UNSAFE.sub(lambda found: _escaped(found[0]), text)


def _escaped(character: str) -> str:
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    return known or (f"\\x{ord(character):02x}" if character < "\x80" else f"\\u{ord(character):04x}")


def as_json(data: Any) -> str:
    """Return one line of JSON, in which nothing can control a terminal."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def date(unix_ms: int) -> str:
    """Return a time as RFC 3339 in UTC, as the log of the server has it, to the second."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def count(number: float) -> str:
    """Return a number with a comma for each thousand."""
    return f"{number:,.0f}"


def size(number: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def span(seconds: float) -> str:
    """Return a time in its two largest units, as in ``3 d 4 h``."""
    whole = int(seconds)
    for large, small, unit, below in ((86400, 3600, "d", "h"), (3600, 60, "h", "min")):
        if whole >= large:
            return f"{whole // large} {unit} {whole % large // small} {below}"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
