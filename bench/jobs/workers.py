"""(j) Worker processes beside one process: what the parent costs, what a worker, and all together."""

from __future__ import annotations

from bench.crew import WORDS, Crew, Spent, crews_with_loads, measure
from bench.process import BenchError
from bench.results import Column, Plan, Table, new_table
from bench.servers import AT_A_TIME, Load

CONNECTIONS = 100
IN_FLIGHT = (1, 8, 32)  # messages of each connection that have not got both ack and push yet
COUNTS = (1, 2, 4)  # workers of the gims that are measured; 1 is one process
PAIR = (1, 2)  # where four workers would tell nothing new
RATE = 500  # private messages a second, in all, when latency is measured
ROOM = "9999"
MEMBERS = 2000  # of the chatroom
SPREAD_OVER = 4  # workers that connections are counted of
_COSTS = (
    Column("parent_us", "CPU µs per {unit}, parent", 1),
    Column("busiest_us", "busiest worker", 1),
    Column("sum_us", "all", 1),
)
_MESSAGES = (
    Column("per_s", "messages/s"),
    Column("p50_ms", "push p50, ms", 2),
    Column("p99_ms", "push p99, ms", 2),
    Column("crossing", "crossing, %"),
    Column("generator", "generator busy, %"),
)
_FANOUT = (
    Column("frames_per_s", "frames/s"),
    Column("push_ms", "push takes, ms", 1),
    Column("generator", "generator busy, %"),
)
_LOGINS = (
    Column("handshake_us", "parent, without login", 1),
    Column("login_us", "parent, login alone", 1),
    Column("per_s", "logins/s"),
    Column("p99_ms", "p99, ms", 1),
)
_LATENCY = (
    Column("p50_ms", "p50, ms", 2),
    Column("p99_ms", "p99, ms", 2),
    Column("max_ms", "max, ms", 1),
)
_SPREAD = (
    Column("fewest", "connections, fewest"),
    Column("most", "most"),
    Column("parent_mb", "MB at the start, parent", 1),
    Column("worker_mb", "each worker", 1),
    Column("sum_mb", "all", 1),
    Column("connected_mb", "all, connected", 1),
)


def run(plan: Plan) -> list[Table]:
    """Measure gim with and without workers in turn, one kind of work after the other."""
    return [_messages(plan), _latency(plan), _fanout(plan), _logins(plan), _spread(plan)]


def _costs(unit: str) -> list[Column]:
    return [Column(column.key, column.head.format(unit=unit), column.digits) for column in _COSTS]


def _labels(counts: tuple[int, ...]) -> dict[str, str]:
    return {str(workers): WORDS[workers] for workers in counts}


def _messages(plan: Plan) -> Table:
    title = f"(j) Private messages of {CONNECTIONS} connections, one process and workers"
    labels = {f"{n}-{busy}": f"{WORDS[n]}, {busy} in flight" for busy in IN_FLIGHT for n in COUNTS}
    table = new_table("workers", title, [*_costs("message"), *_MESSAGES], labels)
    with crews_with_loads(COUNTS, CONNECTIONS) as crews:
        crossing = {n: crew.crossing(load) for n, (crew, load) in crews.items()}
        if crossing[2] < 1.0:
            raise BenchError(f"with 2 workers only {crossing[2]:.0%} of the pairs have one user at each")
        for crew, load in crews.values():
            measure(crew, load, f"private {CONNECTIONS} 8 {plan.seconds / 2}")  # warm up
        for _ in plan.each_round("private messages through workers"):
            for busy in IN_FLIGHT:
                for n, (crew, load) in crews.items():
                    spent = measure(crew, load, f"private {CONNECTIONS} {busy} {plan.seconds}")
                    table.add(f"{n}-{busy}", crossing=crossing[n] * 100, **_sent(spent))
    return table


def _sent(spent: Spent) -> dict[str, float]:
    found = spent.found
    return spent.each(found["messages"]) | {
        "per_s": found["per_s"],
        "p50_ms": found["push_us"]["p50"] / 1000,
        "p99_ms": found["push_us"]["p99"] / 1000,
        "generator": found["generator_cpu_s"] / found["wall_s"] * 100,
    }


def _latency(plan: Plan) -> Table:
    title = f"(j) Latency of private messages, {RATE}/s, one process and workers"
    table = new_table("workers-latency", title, [*_LATENCY, *_costs("message")], _labels(PAIR))
    with crews_with_loads(PAIR, CONNECTIONS) as crews:
        for crew, load in crews.values():
            measure(crew, load, f"paced {CONNECTIONS} {RATE} 1")  # warm up
        for _ in plan.each_round("latency through workers"):
            for n, (crew, load) in crews.items():
                command = f"paced {CONNECTIONS} {RATE} {plan.latency_seconds}"
                table.add(str(n), **_paced(measure(crew, load, command)))
    return table


def _paced(spent: Spent) -> dict[str, float]:
    found = spent.found["push_us"]
    figures = {f"{name}_ms": found[name] / 1000 for name in ("p50", "p99", "max")}
    return figures | spent.each(spent.found["messages"])


def _fanout(plan: Plan) -> Table:
    members = min(MEMBERS, plan.big)
    title = f"(j) A chatroom message to {members:,} members, one process and workers"
    table = new_table("workers-fanout", title, [*_costs("frame"), *_FANOUT], _labels(COUNTS))
    with crews_with_loads(COUNTS, members, ROOM) as crews:
        for crew, load in crews.values():
            measure(crew, load, f"fanout {ROOM} 2 0")  # warm up
        for _ in plan.each_round("fan-out over workers"):
            for n, (crew, load) in crews.items():
                command = f"fanout {ROOM} {max(plan.fanout_frames // members, 1)} 0"
                table.add(str(n), **_pushed(measure(crew, load, command)))
    return table


def _pushed(spent: Spent) -> dict[str, float]:
    found = spent.found
    return spent.each(found["frames"]) | {
        "frames_per_s": found["frames_per_s"],
        "push_ms": found["push_us"]["p50"] / 1000,
        "generator": found["generator_cpu_s"] / found["wall_s"] * 100,
    }


def _logins(plan: Plan) -> Table:
    title = "(j) Connect and log in, one process and workers"
    table = new_table("workers-logins", title, [*_costs("login"), *_LOGINS], _labels(PAIR))
    with crews_with_loads(PAIR, 0) as crews:
        for crew, load in crews.values():
            _log_in(crew, load, 100)  # warm up
        for _ in plan.each_round("logins at workers"):
            for n, (crew, load) in crews.items():
                table.add(str(n), **_log_in(crew, load, plan.logins))
    return table


def _log_in(crew: Crew, load: Load, count: int) -> dict[str, float]:
    """Open connections without a login and hang up; then the same with one."""
    figures = []
    for command in ("open", "connect"):
        figures.append(measure(crew, load, f"{command} {count} {AT_A_TIME}"))
        load.do("close")
        crew.settle()
    without, spent = figures
    costs, found = spent.each(count), spent.found
    handshake_us = without.each(count)["parent_us"]
    return costs | {
        "handshake_us": handshake_us,
        "login_us": costs["parent_us"] - handshake_us,
        "per_s": count / found["wall_s"],
        "p99_ms": found["login_us"]["p99"] / 1000,
    }


def _spread(plan: Plan) -> Table:
    """Count connections and memory, of fresh servers in every round."""
    title = f"(j) {plan.small:,} connections: where they are, and the memory of all"
    table = new_table("workers-spread", title, _SPREAD, _labels(COUNTS))
    for _ in plan.each_round("connections of workers"):
        with crews_with_loads(COUNTS, 0) as crews:
            for n, (crew, load) in crews.items():
                fresh = crew.pss()
                load.connect(plan.small)
                table.add(str(n), **_counted(crew), **_weighed(fresh), connected_mb=sum(crew.pss()))
    return table


def _counted(crew: Crew) -> dict[str, float]:
    connections = crew.connections()
    return {"fewest": min(connections), "most": max(connections)}


def _weighed(pss: list[float]) -> dict[str, float]:
    parent, *workers = pss
    figures = {"parent_mb": parent, "sum_mb": sum(pss)}
    return figures | ({"worker_mb": sum(workers) / len(workers)} if workers else {})
