"""The costs of the model, made from what the job `workers` measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.jobs.hub import PRIVATE
from bench.jobs.workers import CONNECTIONS, COUNTS, IN_FLIGHT
from bench.model.costs import Costs
from bench.model.messages import Found, Setup, simulate
from bench.process import BenchError

PACED_ALONE = [1.0, 3.0]  # turns and sockets of a message that shares them with none, in one process
PACED = [3.0, 6.0]  # the same in two workers: the sender's has one for the send and one for the reply
SIMULATIONS = 6  # how often costs and what causes them are brought together
_STEPS = 3000  # of the descent; far more than it needs


class Results:
    """The figures of a run of the benchmark, from its JSON file."""

    def __init__(self, path: Path) -> None:
        whole = json.loads(path.read_text())
        self.cores = int(whole["machine"]["cores"])
        self._jobs: dict[str, Any] = whole["jobs"]
        if missing := {"workers", "workers-latency", "workers-fanout", "workers-logins", "hub"} - set(
            self._jobs
        ):
            raise BenchError(f"{path} lacks {min(missing)!r}: run python -m bench --only workers,hub")

    def median(self, job: str, row: str, key: str) -> float:
        median: float = self._jobs[job]["rows"][row][key]["median"]
        return median

    def message(self, workers: int, in_flight: int, key: str) -> float:
        return self.median("workers", f"{workers}-{in_flight}", key)


def setups(results: Results) -> dict[tuple[int, int], Setup]:
    """Return what was measured, as the model knows it, by workers and messages in flight."""
    return {
        (workers, in_flight): Setup(results.cores, workers, CONNECTIONS, in_flight, local_clients=True)
        for workers in COUNTS
        for in_flight in IN_FLIGHT
    }


def fit(results: Results) -> Costs:
    """Return the costs with which the simulation comes nearest to what was measured.

    What a message costs depends on how many share a turn, and that depends on the costs: so simulate,
    fit the costs to what was caused, and simulate again.
    """
    turn, channel, message = _parent(results)
    costs = Costs(
        parent_turn=turn,
        parent_channel=channel,
        parent_message=message,
        generator=_generator(results),
    )
    for _ in range(SIMULATIONS):
        found = {key: simulate(setup, costs) for key, setup in setups(results).items()}
        costs = _improve(costs, results, found)
    return costs


def _parent(results: Results) -> list[float]:
    """Return what a turn of the parent, a link in it and a message cost when nothing else runs."""
    rows = [
        ([1.0, 2.0 * links, links * each], results.median("hub", f"private-{links}-{each}", "turn_us"))
        for links, each in PRIVATE
    ]
    return least_squares(rows)


def _generator(results: Results) -> float:
    """Return the CPU µs that a message costs the load generator, on average."""
    each = [
        results.message(*key, "generator") / 100 / results.message(*key, "per_s") * 1e6
        for key in setups(results)
    ]
    return sum(each) / len(each)


def _improve(costs: Costs, results: Results, found: dict[tuple[int, int], Found]) -> Costs:
    edge, parent = [], []
    for key, simulated in found.items():
        uses, whole = simulated.uses, results.message(*key, "sum_us")
        if key[0] == 1:
            edge.append(([uses.turns, uses.sockets, 1.0, 0.0], whole))
        else:
            measured = results.message(*key, "parent_us")
            parent.append(([simulated.parent_us], measured))
            edge.append(([uses.turns, uses.sockets, 0.0, 1.0], whole - measured))
    alone, whole, measured = (
        results.median("workers-latency", row, key)
        for row, key in (("1", "sum_us"), ("2", "sum_us"), ("2", "parent_us"))
    )
    edge += [([*PACED_ALONE, 1.0, 0.0], alone), ([*PACED, 0.0, 1.0], whole - measured)]
    turn, socket, alone_message, message = least_squares(edge)
    (factor,) = least_squares(parent)
    return Costs(
        turn=turn,
        socket=socket,
        alone_message=alone_message,
        message=message,
        parent_turn=costs.parent_turn * factor,
        parent_channel=costs.parent_channel * factor,
        parent_message=costs.parent_message * factor,
        generator=costs.generator,
    )


def least_squares(rows: Sequence[tuple[Sequence[float], float]]) -> list[float]:
    """Return factors, none below 0, with which the first part of each row makes the second.

    The relative errors are made small. The method is cyclic coordinate descent: one factor after the
    other gets the value that is best beside the others.
    """
    scaled = [[part / whole for part in parts] for parts, whole in rows]
    factors = [0.0] * len(scaled[0])
    for step in range(_STEPS):
        which = step % len(factors)
        factors[which] = 0.0
        rest = [1.0 - sum(f * part for f, part in zip(factors, parts, strict=True)) for parts in scaled]
        square = sum(parts[which] ** 2 for parts in scaled)
        product = sum(parts[which] * left for parts, left in zip(scaled, rest, strict=True))
        factors[which] = max(0.0, product / square) if square else 0.0
    return factors
