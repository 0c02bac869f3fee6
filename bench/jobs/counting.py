"""(h) What counting costs: private messages to a gim that counts and does not, in turn."""

from __future__ import annotations

import signal
import time

from bench.jobs.private import CONNECTIONS, IN_FLIGHT
from bench.results import Column, Plan, Table, new_table
from bench.servers import Load, serving_gim

KINDS = {"counting": signal.SIGUSR1, "silent": signal.SIGUSR2}
_WORDS = {"counting": "counting", "silent": "not counting"}
_COLUMNS = (Column("cpu_us", "CPU µs per message", 2), Column("per_s", "messages/s"))
SLICES = 10  # that each measurement is made of
SWITCHING = 0.05  # seconds until it has surely heard of it


def run(plan: Plan) -> list[Table]:
    """Measure one process both ways: two of the same program differ by more than is looked for."""
    labels = {f"{kind}-{n}": f"gim, {_WORDS[kind]}, {n} in flight" for n in IN_FLIGHT for kind in KINDS}
    title = f"(h) Private messages of {CONNECTIONS} connections, with and without counting"
    table = new_table("counting", title, _COLUMNS, labels)
    for _ in plan.each_round("counting"):
        with serving_gim("counting", module="bench.jobs.counting_child") as server, server.load() as load:
            load.connect(CONNECTIONS)
            load.do(f"private {CONNECTIONS} 8 {plan.seconds / 2}")  # warm up
            for in_flight in IN_FLIGHT:
                _take_turns(plan, table, load, in_flight)
    return [table]


def _take_turns(plan: Plan, table: Table, load: Load, in_flight: int) -> None:
    """Measure in slices, in the order A B B A A B …, and add them up."""
    cpu = dict.fromkeys(KINDS, 0.0)
    messages, wall = dict(cpu), dict(cpu)
    for number in range(SLICES):
        for kind in KINDS if number % 2 == 0 else reversed(KINDS):
            load.server.process.signal(KINDS[kind])
            time.sleep(SWITCHING)
            found = load.do(f"private {CONNECTIONS} {in_flight} {2 * plan.seconds / SLICES}")
            cpu[kind] += found["server_cpu_s"]
            messages[kind] += found["messages"]
            wall[kind] += found["wall_s"]
    for kind in KINDS:
        per_s = messages[kind] / wall[kind]
        table.add(f"{kind}-{in_flight}", cpu_us=cpu[kind] / messages[kind] * 1e6, per_s=per_s)
