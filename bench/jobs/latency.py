"""(c) How long a private message takes: alone, and beside the pushes of a big chatroom.

Messages leave at a steady pace whatever the server does, and their latency counts from when each was due,
so a server that stands still for a while is seen by all that were due meanwhile.
"""

from __future__ import annotations

from typing import Any

from bench.results import Column, Plan, Table, new_table
from bench.servers import WORDS, Load, serving

KINDS = ("gim", "stock")
CONNECTIONS = 100
RATE = 500  # private messages a second, in all
EVERY_MS = 1000  # from one push of the chatroom to the next
ROOM = "9999"
_MEMBERS_ID = 10_000  # the first user of the chatroom: the others are those that send private messages
_COLUMNS = (
    Column("p50_ms", "p50, ms", 2),
    Column("p99_ms", "p99, ms", 2),
    Column("max_ms", "max, ms", 1),
    Column("push_ms", "chatroom push takes, ms", 1),
)


def run(plan: Plan) -> list[Table]:
    """Measure one server after the other, alone and beside pushes in turn."""
    table = new_table("latency", f"(c) Latency of private messages, {RATE}/s", _COLUMNS, {})
    for kind in plan.of(*KINDS):
        table.labels[f"{kind}-alone"] = f"{WORDS[kind]}, alone"
        table.labels[f"{kind}-beside"] = (
            f"{WORDS[kind]}, beside pushes to {plan.big:,} members every second"
        )
        _measure(plan, kind, table)
    return [table]


def _measure(plan: Plan, kind: str, table: Table) -> None:
    with (
        serving(kind) as server,
        server.load() as pairs,
        # the members give way: in life they are on machines of their own
        server.load(_MEMBERS_ID, nice=10) as members,
    ):
        pairs.connect(CONNECTIONS)
        members.connect(plan.big)
        members.do(f"join {ROOM}")
        members.do(f"fanout {ROOM} 2 0")
        pairs.do(f"paced {CONNECTIONS} {RATE} 1")
        for _ in plan.each_round(f"latency, {kind}"):
            table.add(f"{kind}-alone", **_pace(pairs, plan.latency_seconds))
            members.start(f"fanout {ROOM} {plan.latency_seconds} {EVERY_MS}")
            beside = _pace(pairs, plan.latency_seconds)
            pushed = members.finish()
            table.add(f"{kind}-beside", push_ms=pushed["push_us"]["p50"] / 1000, **beside)


def _pace(pairs: Load, seconds: int) -> dict[str, float]:
    found: dict[str, Any] = pairs.do(f"paced {CONNECTIONS} {RATE} {seconds}")["push_us"]
    return {f"{name}_ms": found[name] / 1000 for name in ("p50", "p99", "max")}
