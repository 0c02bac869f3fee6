"""How long the garbage collector stops the process: 10,000 connections, then 1,000,000 messages."""

from __future__ import annotations

import json
import sys

from bench.process import Process
from bench.results import Column, Plan, Table, new_table

_COLUMNS = (
    Column("connecting_ms", "longest pause while they connect, ms", 1),
    Column("sending_ms", "longest pause while they send, ms", 1),
    Column("total_ms", "all pauses, ms"),
)
LABELS = {"python": "Python's own schedule", "gim": "gim's, gim/daemon/gc_tuning.py"}


def run(plan: Plan) -> list[Table]:
    """Do it once with each schedule: a pause is what the collector takes, whatever else runs."""
    title = f"The garbage collector, {plan.big:,} connections and {plan.stores[-1]:,} messages"
    table = new_table("collector", title, _COLUMNS, LABELS)
    for schedule in LABELS:
        arguments = [schedule, str(plan.big), str(plan.stores[-1])]
        command = [sys.executable, "-m", "bench.jobs.collector_child", *arguments]
        with Process(f"collector-{schedule}", command, pipes=True) as process:
            table.add(schedule, **json.loads(process.ask("go")))
    return [table]
