"""Writes a dump, and counts what is in it."""

from __future__ import annotations

from collections import Counter
from typing import TextIO

from gim.storage.transfer.lines import End, Entry, Head, encode

_NAMES = {  # of the kinds of lines, for one and for several
    "message": ("message", "messages"),
    "user": ("user", "users"),
    "private": ("private session", "private sessions"),
    "chatroom": ("chatroom", "chatrooms"),
    "member": ("membership", "memberships"),
    "ban": ("ban", "bans"),
}


class Tally:
    """How many lines there were of each kind."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, line: Entry) -> None:
        """Count a line."""
        self._counts[str(line.__struct_config__.tag)] += 1

    @property
    def lines(self) -> int:
        """How many there were in all."""
        return self._counts.total()

    def by_kind(self) -> dict[str, int]:
        """Return the counts by kind, those of 0 as well."""
        return {kind: self._counts[kind] for kind in _NAMES}

    def __str__(self) -> str:
        counts = ((self._counts[kind], names) for kind, names in _NAMES.items())
        return ", ".join(f"{count:,} {names[count != 1]}" for count, names in counts)


class DumpWriter:
    """Writes lines to a text file."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self.tally = Tally()

    def begin(self, head: Head) -> None:
        """Write the first line."""
        self._out.write(encode(head) + "\n")

    def put(self, line: Entry) -> None:
        """Write a line between the first and the last."""
        self._out.write(encode(line) + "\n")
        self.tally.add(line)

    def finish(self) -> None:
        """Write the last line."""
        self._out.write(encode(End(lines=self.tally.lines)) + "\n")
        self._out.flush()
