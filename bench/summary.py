"""The servers side by side, in one table: what each costs, by what gim costs in the same rounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from bench.results import Plan, Table, aligned
from bench.servers import WORDS

NOTE = (
    "CPU of the server per frame, message, login or request, by that of gim in the same rounds. "
    "In brackets: the µs of gim. Above 1, gim uses less. The servers do not do quite the same: see "
    "[what is not comparable](#what-is-not-comparable)."
)


class _Figure(Struct, frozen=True):
    """A column, and where its figures are: ``row`` is the key of a row, {} the kind of server."""

    head: str
    job: str
    row: str
    gim: str = "gim"  # what stands there for gim


def as_text(plan: Plan, tables: Mapping[str, Table]) -> str:
    """Return the table as Markdown, or nothing if no job was run that has other servers than gim."""
    figures = [figure for figure in _figures(plan) if figure.job in tables]
    if not figures:
        return ""
    lines = [[WORDS[kind], *(_cell(figure, kind, tables) for figure in figures)] for kind in WORDS]
    shown = [line for line in lines if any(line[1:])]
    return "\n".join(aligned([["", *(figure.head for figure in figures)], *shown])) + f"\n\n{NOTE}"


def _figures(plan: Plan) -> Iterator[_Figure]:
    for size in (plan.small, plan.big):
        yield _Figure(f"fan-out to {size:,}", "fanout", f"{{}}-{size}")
    for n in (1, 8):
        yield _Figure(f"private, {n} in flight", "private", f"{{}}-{n}")
    yield _Figure("login", "logins", "{}")
    yield _Figure("HTTP send", "http", "send-{}", "all")
    yield _Figure("idle, KiB", "idle", f"{{}}-{plan.big}")


def _cell(figure: _Figure, kind: str, tables: Mapping[str, Table]) -> str:
    table, gim = tables[figure.job], figure.row.format(figure.gim)
    row = gim if kind == "gim" else figure.row.format(kind)
    if figure.job == "idle":
        used = table.median(row, "bytes")
        return f"{used / 1024:.1f}" if used is not None else ""
    if kind == "gim":
        cost = table.median(row, "cpu_us")
        return f"1 ({cost:,.{0 if cost >= 100 else 1}f})" if cost is not None else ""
    ratio = table.ratio(row, gim, "cpu_us")
    return f"{ratio:.2f}" if ratio is not None else ""
