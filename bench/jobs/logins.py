"""(f) Connecting: TCP, WebSocket handshake and login, 32 at a time."""

from __future__ import annotations

import time

from bench import centrifugo
from bench.results import Column, Plan, Table, new_table
from bench.servers import WORDS, Load, all_connected

KINDS = ("gim", "stock", "ws", "uws", *centrifugo.KINDS)
_COLUMNS = (
    Column("cpu_us", "CPU µs per login"),
    Column("per_s", "logins/s"),
    Column("p99_ms", "p99, ms", 1),
)


def run(plan: Plan) -> list[Table]:
    """Connect, hang up, and let the server notice before the next one is measured."""
    kinds = plan.of(*KINDS)
    labels = {kind: WORDS[kind] for kind in kinds}
    table = new_table("logins", "(f) Connect and log in", _COLUMNS, labels)
    with all_connected(kinds, 50) as loads:
        for load in loads.values():
            load.do("close")
        for _ in plan.each_round("logins"):
            for kind in kinds:
                table.add(kind, **_log_in(loads[kind], plan.logins))
    return [table]


def _log_in(load: Load, count: int) -> dict[str, float]:
    found = load.connect(count)
    load.do("close")
    _settle(load)
    return {
        "cpu_us": found["server_cpu_s"] / count * 1e6,
        "per_s": count / found["wall_s"],
        "p99_ms": found["login_us"]["p99"] / 1000,
    }


def _settle(load: Load, patience: float = 5.0) -> None:
    """Wait until the server is idle: it uses less than a tenth of a core."""
    give_up_at = time.monotonic() + patience
    before, used = load.server.process.cpu(), 1.0
    while used > 0.01 and time.monotonic() < give_up_at:
        time.sleep(0.1)
        used, before = load.server.process.cpu() - before, load.server.process.cpu()
