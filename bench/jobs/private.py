"""(b) Private messages between 50 pairs, each with ack and push: as many as the server can do."""

from __future__ import annotations

from bench import centrifugo
from bench.results import Column, Plan, Table, new_table
from bench.servers import WORDS, Load, all_connected

KINDS = ("gim", "stock", "ws", "uws", "floor", *centrifugo.KINDS)
CONNECTIONS = 100
IN_FLIGHT = (1, 8)  # messages of each connection that have not got both ack and push yet
_COLUMNS = (
    Column("cpu_us", "CPU µs per message", 1),
    Column("per_s", "messages/s"),
    Column("p50_ms", "push p50, ms", 2),
    Column("p99_ms", "push p99, ms", 2),
    Column("generator", "generator busy, %"),
)


def run(plan: Plan) -> list[Table]:
    """Measure all servers in turn. The C server shows what the generator can drive."""
    kinds = plan.of(*KINDS)
    labels = {f"{kind}-{n}": f"{WORDS[kind]}, {n} in flight" for n in IN_FLIGHT for kind in kinds}
    labels |= {f"floor-{n}": f"C, stores nothing, {n} in flight" for n in IN_FLIGHT}
    title = f"(b) Private messages of {CONNECTIONS} connections"
    table = new_table("private", title, _COLUMNS, labels)
    with all_connected(kinds, CONNECTIONS) as loads:
        for kind in kinds:
            send(loads[kind], 8, plan.seconds / 2)  # warm up
        for _ in plan.each_round("private messages"):
            for in_flight in IN_FLIGHT:
                for kind in kinds:
                    table.add(f"{kind}-{in_flight}", **send(loads[kind], in_flight, plan.seconds))
    return [table]


def send(load: Load, in_flight: int, seconds: float) -> dict[str, float]:
    """Send for so long; return the figures of the columns."""
    found = load.do(f"private {CONNECTIONS} {in_flight} {seconds}")
    return {
        "cpu_us": found["server_cpu_s"] / found["messages"] * 1e6,
        "per_s": found["per_s"],
        "p50_ms": found["push_us"]["p50"] / 1000,
        "p99_ms": found["push_us"]["p99"] / 1000,
        "generator": found["generator_cpu_s"] / found["wall_s"] * 100,
    }
