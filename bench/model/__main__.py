"""``python -m bench.model [RESULTS]``: what gim with workers would do on machines with more cores."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.model import bounds
from bench.model.costs import Costs
from bench.model.fit import Results, fit, setups
from bench.model.messages import Found, Setup, simulate
from bench.process import BUILD, BenchError
from bench.results import aligned

CORES = (4, 8, 16, 32, 64)
UNDER_WAY = 2_000  # messages, each of a connection of its own that sends to any other
SECONDS = 1.0  # of a simulation: several times what a message takes
CHATROOMS = (100, 1_000, 10_000, 100_000)  # members
BUSY = 0.9  # of a core: what is busier limits the rest


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.model", description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=BUILD / "results.json")
    try:
        results = Results(parser.parse_args().results)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    costs = fit(results)
    parts = [about(costs), beside(results, costs), messages(costs), fanout(results), logins(results)]
    print("\n\n".join(parts))


def about(costs: Costs) -> str:
    """Show the costs that were found."""
    rows = {
        "a turn": (costs.turn, costs.turn, costs.parent_turn),
        "a socket or link, read or written": (costs.socket, costs.socket, costs.parent_channel),
        "a message": (costs.alone_message, costs.message, costs.parent_message),
    }
    lines = [[name, *(f"{us:.1f}" for us in figures)] for name, figures in rows.items()]
    return _table(["CPU, µs", "one process", "workers, together", "parent"], lines)


def beside(results: Results, costs: Costs) -> str:
    """Compare the simulation of what was measured with the measurements."""
    lines = []
    for (workers, in_flight), setup in setups(results).items():
        found = simulate(setup, costs)
        pairs = [
            ("per_s", found.per_s, "{:,.0f}"),
            ("sum_us", found.parent_us + found.workers_us, "{:.1f}"),
        ]
        if workers > 1:
            pairs.append(("parent_us", found.parent_us, "{:.1f}"))
        cells = [
            style.format(figure)
            for key, simulated, style in pairs
            for figure in (results.message(workers, in_flight, key), simulated)
        ]
        lines.append([str(workers), str(in_flight), *cells, *[""] * (6 - len(cells))])
    head = ["workers", "in flight"]
    for what in ("messages/s", "CPU µs of all", "of the parent"):
        head += [f"{what}, measured", "model"]
    return _table(head, lines)


def messages(costs: Costs) -> str:
    def run(cores: int, workers: int) -> Found:
        return simulate(Setup(cores, workers, UNDER_WAY, 1, local_clients=False, seconds=SECONDS), costs)

    lines, alone = [], run(1, 1)
    for cores in CORES:
        found = run(cores, cores)
        shares = found.parent_share * 100, found.worker_share * 100
        limit = "parent" if found.parent_share > BUSY else "cores"
        figures = [f"{found.per_s:,.0f}", f"{found.per_s / alone.per_s:.1f}", f"{found.p50_ms:.0f}"]
        lines.append([str(cores), *figures, *(f"{share:.0f}" for share in shares), limit])
    head = ["cores = workers", f"messages/s, {UNDER_WAY:,} under way", "by one process", "p50, ms"]
    return _table([*head, "parent busy, %", "each worker busy, %", "limit"], lines)


def fanout(results: Results) -> str:
    costs, alone_us = bounds.fanout(results), results.median("workers-fanout", "1", "sum_us")
    lines = []
    for cores in CORES:
        found = [(members, costs.bound(cores, cores, members)) for members in CHATROOMS]
        cells = [_of(each.per_s * members, alone_us, each.limit) for members, each in found]
        lines.append([str(cores), *cells])
    return _table(["cores = workers", *(f"frames/s, {n:,} members" for n in CHATROOMS)], lines)


def logins(results: Results) -> str:
    alone_us = results.median("workers-logins", "1", "sum_us")
    found = [(cores, bounds.logins(results, cores, cores)) for cores in CORES]
    lines = [[str(cores), _of(each.per_s, alone_us, each.limit)] for cores, each in found]
    return _table(["cores = workers", "logins/s"], lines)


def _of(per_s: float, alone_us: float, limit: str) -> str:
    """Return a cell: how many per second, how many times as many as of one process, and the limit."""
    return f"{per_s:,.0f} ({per_s * alone_us / 1e6:.1f}, {limit})"


def _table(head: list[str], lines: list[list[str]]) -> str:
    return "\n".join(aligned([head, *lines]))


if __name__ == "__main__":
    main()
