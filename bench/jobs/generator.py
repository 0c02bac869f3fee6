"""What the load generator can drive, so that it is known not to be what is measured."""

from __future__ import annotations

from bench.results import Column, Plan, Table, new_table
from bench.servers import all_connected

ROOM = "9999"
CONNECTIONS = 100
WAIT_MS = 500  # in which the C server has sent all that the generator is to read then
_COLUMNS = (Column("per_s", "per second and core"), Column("generator_us", "CPU µs of the generator", 2))


def run(plan: Plan) -> list[Table]:
    """Let it work against the C server, which is faster than any other."""
    if "floor" not in plan.kinds:
        return []
    labels = {
        "frames": f"frames read, when {plan.big:,} wait",
        "messages": "private messages with ack and push, C server, 64 in flight",
    }
    table = new_table("generator", "What the generator can drive", _COLUMNS, labels)
    with all_connected(["floor"], plan.big, ROOM) as loads:
        load = loads["floor"]
        for _ in plan.each_round("generator"):
            found = load.do(f"drain {ROOM} {max(plan.fanout_frames // plan.big, 1)} {WAIT_MS}")
            cost = found["generator_cpu_s"] / found["frames"] * 1e6
            table.add("frames", per_s=1e6 / cost, generator_us=cost)
            found = load.do(f"private {CONNECTIONS} 64 {plan.seconds}")
            cost = found["generator_cpu_s"] / found["messages"] * 1e6
            table.add("messages", per_s=1e6 / cost, generator_us=cost)
    return [table]
