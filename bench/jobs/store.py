"""(e) What the memory store's append and history cost as it fills: CPU, in a process without sockets."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack

from bench.process import Process
from bench.results import Column, Plan, Table, new_table

_COLUMNS = (
    Column("append_us", "append, µs", 2),
    Column("newest_us", "newest 20, µs", 2),
    Column("before_us", "20 before a message, µs", 2),
)
WHICH = {
    "busy": "in 100 busy sessions",
    "any": "in sessions at random",  # most of what these touch is in no cache of the CPU
}


def run(plan: Plan) -> list[Table]:
    """Fill one store per size, each in a process of its own, and measure them in turn."""
    labels = {
        f"{size}-{which}": f"{size:,} stored, {words}"
        for which, words in WHICH.items()
        for size in plan.stores
    }
    table = new_table("store", "(e) The memory store", _COLUMNS, labels)
    with ExitStack() as stack:
        stores = {}
        for size in plan.stores:
            command = [sys.executable, "-m", "bench.jobs.store_child", str(size)]
            stores[size] = stack.enter_context(Process(f"store-{size}", command, pipes=True))
            stores[size].ask("go")  # wait until it is filled; a warm-up, too
        for _ in plan.each_round("store"):
            for size, process in stores.items():
                for which, figures in json.loads(process.ask("go")).items():
                    table.add(f"{size}-{which}", **figures)
    return [table]
