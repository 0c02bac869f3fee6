"""(d) The memory that a server needs for a connection that is logged in and silent."""

from __future__ import annotations

import time

from bench.results import Column, Plan, Table, new_table
from bench.servers import WORDS, serving

KINDS = ("gim", "stock", "ws", "uws", "centrifugo")
FIRST = 50  # connections before the count begins: they bring in what is loaded late
_COLUMNS = (Column("bytes", "bytes per connection"), Column("rss_mb", "RSS, MB", 1))


def run(plan: Plan) -> list[Table]:
    """Fill a fresh server in every round."""
    kinds = plan.of(*KINDS)
    sizes = sorted({plan.small, plan.big})
    labels = {
        f"{kind}-{size}": f"{WORDS[kind]}, {size:,} connections" for kind in kinds for size in sizes
    }
    table = new_table("idle", "(d) Memory per idle connection", _COLUMNS, labels)
    for _ in plan.each_round("idle connections"):
        for kind in kinds:
            _fill(kind, sizes, table)
    return [table]


def _fill(kind: str, sizes: list[int], table: Table) -> None:
    with serving(kind) as server, server.load() as load:
        load.connect(FIRST)
        base, there = server.process.rss(), 0
        for size in sizes:
            load.connect(size - there)
            there = size
            time.sleep(0.3)
            rss = server.process.rss()
            table.add(f"{kind}-{size}", bytes=(rss - base) / size, rss_mb=rss / 1e6)
