"""What the parent of workers does for each question: CPU by the number of links that ask at a time."""

from __future__ import annotations

import json
import sys

from bench.process import Process
from bench.results import Column, Plan, Table, new_table

PRIVATE = tuple((links, each) for links in (2, 4, 16, 64) for each in (1, 8, 32))
CHATROOM = (2, 4, 16, 64)  # links of the members; one of them asks once
LOGINS = ((1, 1), (2, 8), (16, 8))
_WORDS = {"private": "private messages", "enter": "logins"}
_COLUMNS = (Column("turn_us", "CPU µs of an iteration", 1), Column("each_us", "CPU µs of each", 1))


def run(plan: Plan) -> list[Table]:
    """Measure all in turn, in a new process in each round."""
    table = new_table("hub", "The parent of workers, per iteration of its reactor", _COLUMNS, _labels())
    for _ in plan.each_round("the parent of workers"):
        with Process("hub", [sys.executable, "-m", "bench.jobs.hub_child"], pipes=True) as child:
            for row in table.labels:
                kind, links, each = row.split("-")
                turn_us: float = json.loads(child.ask(f"{kind} {links} {each}"))
                count = int(each) if kind == "chatroom" else int(links) * int(each)
                table.add(row, turn_us=turn_us, each_us=turn_us / count)
    return [table]


def _labels() -> dict[str, str]:
    labels = {
        f"{kind}-{links}-{each}": f"{words}: {each} of each of {links} workers"
        for kind, words in _WORDS.items()
        for links, each in (PRIVATE if kind == "private" else LOGINS)
    }
    rooms = {f"chatroom-{links}-1": f"chatroom message to {links} workers" for links in CHATROOM}
    return labels | rooms
