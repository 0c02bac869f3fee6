"""(h) What counting costs: private messages beside a gim that counts nothing."""

from __future__ import annotations

from contextlib import ExitStack

from bench.jobs.private import CONNECTIONS, IN_FLIGHT
from bench.results import Column, Plan, Table, new_table
from bench.servers import Load, serving_gim

KINDS = {"counting": (), "silent": ("--metrics=false",)}
_WORDS = {"counting": "gim", "silent": "gim --metrics=false"}
_COLUMNS = (Column("cpu_us", "CPU µs per message", 2), Column("per_s", "messages/s"))
PAIRS = 3  # of servers per round: two processes of the same program differ by more than is looked for
SLICES = 6  # that a measurement is made of, the two servers taking turns


def run(plan: Plan) -> list[Table]:
    """Measure pairs of new servers, so that neither the moment nor a process decides."""
    labels = {f"{kind}-{n}": f"{_WORDS[kind]}, {n} in flight" for n in IN_FLIGHT for kind in KINDS}
    title = f"(h) Private messages of {CONNECTIONS} connections, with and without counting"
    table = new_table("counting", title, _COLUMNS, labels)
    for number in plan.each_round("counting"):
        for pair in range(1 if plan.quick else PAIRS):
            _measure(plan, table, (number + pair) % 2 == 0)
    return [table]


def _measure(plan: Plan, table: Table, silent_first: bool) -> None:
    order = sorted(KINDS, reverse=silent_first)
    with ExitStack() as stack:
        loads = {}
        for kind in order:
            load = stack.enter_context(stack.enter_context(serving_gim(kind, *KINDS[kind])).load())
            load.connect(CONNECTIONS)
            load.do(f"private {CONNECTIONS} 8 {plan.seconds / 4}")  # warm up
            loads[kind] = load
        for in_flight in IN_FLIGHT:
            _take_turns(plan, table, [(kind, loads[kind]) for kind in order], in_flight)


def _take_turns(plan: Plan, table: Table, servers: list[tuple[str, Load]], in_flight: int) -> None:
    """Measure in slices, in the order A B B A A B …, and add them up."""
    cpu = dict.fromkeys(KINDS, 0.0)
    messages, wall = dict(cpu), dict(cpu)
    for number in range(SLICES):
        for kind, load in servers if number % 2 == 0 else reversed(servers):
            found = load.do(f"private {CONNECTIONS} {in_flight} {plan.seconds / SLICES}")
            cpu[kind] += found["server_cpu_s"]
            messages[kind] += found["messages"]
            wall[kind] += found["wall_s"]
    for kind in KINDS:
        per_s = messages[kind] / wall[kind]
        table.add(f"{kind}-{in_flight}", cpu_us=cpu[kind] / messages[kind] * 1e6, per_s=per_s)
