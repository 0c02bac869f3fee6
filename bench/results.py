"""Figures of all rounds, what is made of them, and how they are printed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from msgspec import Struct


class Plan(Struct, frozen=True):
    """How much of everything is done. A quick plan shows that all of it works, not how fast."""

    rounds: int
    small: int  # members of the small chatroom
    big: int  # members of the big one
    fanout_frames: int  # of one measurement: its pushes times members
    seconds: float  # of one measurement of private messages
    latency_seconds: int
    logins: int
    stores: tuple[int, ...]  # messages stored
    kinds: tuple[str, ...]  # servers that can be had here
    quick: bool = False
    against: Path | None = None  # another checkout of gim

    def of(self, *wanted: str) -> list[str]:
        """Return those of *wanted* that can be had here."""
        return [kind for kind in wanted if kind in self.kinds]

    def each_round(self, what: str) -> Iterator[int]:
        """Count the rounds, and say so on stderr."""
        for number in range(1, self.rounds + 1):
            print(f"{what}: round {number} of {self.rounds}", file=sys.stderr, flush=True)
            yield number


class Column(Struct, frozen=True):
    """A figure: its key, the head of its column with its unit, and digits behind the point."""

    key: str
    head: str
    digits: int = 0


class Table(Struct):
    """What one job found: for each row, which has a key and a label, the figures of every round."""

    job: str
    title: str
    columns: list[Column]
    labels: dict[str, str]
    rounds: dict[str, dict[str, list[float]]]
    notes: list[str]

    def add(self, row: str, **figures: float) -> None:
        """Add what a round found for a row."""
        for key, value in figures.items():
            self.rounds.setdefault(row, {}).setdefault(key, []).append(value)

    def median(self, row: str, key: str) -> float | None:
        values = self.rounds.get(row, {}).get(key)
        return median(values) if values else None

    def ratio(self, row: str, other: str, key: str) -> float | None:
        """Return the median, over the rounds, of *row*'s figure divided by *other*'s."""
        ours, theirs = (self.rounds.get(name, {}).get(key, []) for name in (row, other))
        return median(a / b for a, b in zip(ours, theirs, strict=True)) if ours and theirs else None

    def as_dict(self) -> dict[str, Any]:
        """Return what goes into the JSON file."""
        rows = {
            row: {key: {"median": median(values), "rounds": values} for key, values in figures.items()}
            for row, figures in self.rounds.items()
        }
        return {"title": self.title, "rows": rows, "labels": self.labels, "notes": self.notes}

    def text(self) -> str:
        """Return it as a Markdown table that reads well as plain text too."""
        lines = [["", *(column.head for column in self.columns)]]
        lines += [[label, *self._cells(row)] for row, label in self.labels.items() if row in self.rounds]
        return "\n".join(aligned(lines) + [f"\n{note}" for note in self.notes])

    def _cells(self, row: str) -> Iterator[str]:
        for column in self.columns:
            value = self.median(row, column.key)
            yield f"{value:,.{column.digits}f}" if value is not None else ""


def new_table(job: str, title: str, columns: Sequence[Column], labels: dict[str, str]) -> Table:
    """Return a table without figures."""
    return Table(job, title, list(columns), labels, {}, [])


def aligned(
    lines: list[list[str]], left: Callable[[int], bool] = lambda column: column == 0
) -> list[str]:
    """Return the lines of a Markdown table, its head first; *left* says which columns are text."""
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(lines[0]))]
    rule = ["-" * width if left(i) else "-" * (width - 1) + ":" for i, width in enumerate(widths)]

    def padded(line: list[str]) -> str:
        cells = [
            cell.ljust(widths[i]) if left(i) else cell.rjust(widths[i]) for i, cell in enumerate(line)
        ]
        return f"| {' | '.join(cells)} |"

    return [padded(line) for line in [lines[0], rule, *lines[1:]]]
