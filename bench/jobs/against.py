"""Private messages through this gim and through that of another checkout, each in one process."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from bench.jobs.private import CONNECTIONS
from bench.process import ROOT, BenchError
from bench.results import Column, Plan, Table, new_table
from bench.servers import Load, serving_gim

IN_FLIGHT = (1, 8)  # messages of each connection that have not got both ack and push yet
FRESH = 3  # pairs of processes in a round: two processes of the same program differ by some percent
SLICES = 20  # that each measurement is made of: short ones, so that what disturbs one disturbs both
_COLUMNS = (Column("cpu_us", "CPU µs per message", 2), Column("per_s", "messages/s"))


def run(plan: Plan) -> list[Table]:
    """Measure both in turn; without another checkout there is nothing to measure."""
    if plan.against is None:
        return []
    other = plan.against.resolve()
    if not (other / "gim" / "tap.py").exists():
        raise BenchError(f"{plan.against} is not a checkout of gim")
    words = {"this": "this gim", "other": "the other"}
    labels = {f"{kind}-{n}": f"{words[kind]}, {n} in flight" for n in IN_FLIGHT for kind in words}
    title = f"Private messages of {CONNECTIONS} connections, by this gim and another"
    table = new_table("against", title, _COLUMNS, labels)
    for _ in plan.each_round("this gim and another"):
        for _ in range(FRESH):
            _compare(plan, table, {"this": ROOT, "other": other})
    return [table]


def _compare(plan: Plan, table: Table, checkouts: dict[str, Path]) -> None:
    with ExitStack() as stack:
        loads = {}
        for kind, checkout in checkouts.items():
            server = stack.enter_context(serving_gim(f"against-{kind}", checkout=checkout))
            load = loads[kind] = stack.enter_context(server.load())
            load.connect(CONNECTIONS)
            load.do(f"private {CONNECTIONS} 8 {plan.seconds / 2}")  # warm up
        for in_flight in IN_FLIGHT:
            _take_turns(plan, table, loads, in_flight)


def _take_turns(plan: Plan, table: Table, loads: dict[str, Load], in_flight: int) -> None:
    """Measure in slices, in the order A B B A A B …, and add them up."""
    cpu = dict.fromkeys(loads, 0.0)
    messages, wall = dict(cpu), dict(cpu)
    for number in range(SLICES):
        for kind in loads if number % 2 == 0 else reversed(loads):
            found = loads[kind].do(f"private {CONNECTIONS} {in_flight} {plan.seconds / SLICES}")
            cpu[kind] += found["server_cpu_s"]
            messages[kind] += found["messages"]
            wall[kind] += found["wall_s"]
    for kind in loads:
        per_s = messages[kind] / wall[kind]
        table.add(f"{kind}-{in_flight}", cpu_us=cpu[kind] / messages[kind] * 1e6, per_s=per_s)
