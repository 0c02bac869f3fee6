"""Reconnecting clients: how long private messages take while all clients of another server come.

A server that stops spreads its clients over the time that it drains and as long again. They come at that
pace here, whatever the server does, and once more as fast as the server takes them.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from bench.build import most_connections
from bench.results import Column, Plan, Table, new_table
from bench.servers import AT_A_TIME, Load, serving_gim

CLIENTS = 20_000
PAIRS = 100  # connections that send private messages
RATE = 500  # private messages a second, in all
WINDOW = 10  # seconds: twice the default of --drain
_GENERATORS = 2  # each has as few open files as the server
_FIRST_ID = 10_000  # of the clients: the others are those that send private messages
_COLUMNS = (
    Column("p50_ms", "p50, ms", 2),
    Column("p99_ms", "p99, ms", 2),
    Column("max_ms", "max, ms", 1),
    Column("login_ms", "p99 of a login, ms", 1),
    Column("all_in_s", "all are in after, s", 2),
    Column("share", "share of a core", 2),
)


def run(plan: Plan) -> list[Table]:
    """Measure alone, beside clients that come at their pace, and beside a rush."""
    each = min(CLIENTS, most_connections() - PAIRS) // _GENERATORS
    window = WINDOW if not plan.quick else 2
    each = each if not plan.quick else each // 5
    labels = {
        "alone": "alone",
        "spread": f"beside {_GENERATORS * each:,} clients that come within {window} s",
        "rush": f"beside {_GENERATORS * each:,} clients, {_GENERATORS * AT_A_TIME} at a time",
    }
    table = new_table("storm", f"Reconnecting clients and {RATE} private messages/s", _COLUMNS, labels)
    with ExitStack() as stack:
        server = stack.enter_context(serving_gim("storm", "--max-connections", "0"))
        pairs = stack.enter_context(server.load())
        pairs.connect(PAIRS)
        # the clients give way: in life they are on machines of their own
        storms = [
            stack.enter_context(server.load(_FIRST_ID * (1 + number), nice=10))
            for number in range(_GENERATORS)
        ]
        for _ in plan.each_round("storm"):
            table.add("alone", **_pace(pairs, window))
            table.add("spread", **_storm(storms, f"arrive {each} {window}", pairs, window))
            table.add("rush", **_storm(storms, f"connect {each} {AT_A_TIME}", pairs, window))
    return [table]


def _storm(storms: list[Load], command: str, pairs: Load, seconds: int) -> dict[str, float]:
    """Let the clients come while private messages are sent, and hang up again."""
    for storm in storms:
        storm.start(command)
    figures = _pace(pairs, seconds)
    found = [storm.finish() for storm in storms]
    figures["login_ms"] = max(each["login_us"]["p99"] for each in found) / 1000
    figures["all_in_s"] = max(each["wall_s"] for each in found)
    for storm in storms:
        storm.do("close")
    pairs.do(f"paced {PAIRS} {RATE} 1")  # while the server notices
    return figures


def _pace(pairs: Load, seconds: int) -> dict[str, float]:
    found: dict[str, Any] = pairs.do(f"paced {PAIRS} {RATE} {seconds}")
    figures = {f"{name}_ms": found["push_us"][name] / 1000 for name in ("p50", "p99", "max")}
    return {**figures, "share": found["server_cpu_s"] / found["wall_s"]}
