"""A gim of one or several processes, each measured by itself: the parent and its workers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from msgspec import Struct

from bench import proc
from bench.process import BenchError
from bench.servers import Load, Server, serving_gim

WORDS = {1: "one process", 2: "2 workers", 4: "4 workers"}
_PATIENCE = 30.0  # seconds until all workers have started, or until a server is idle
_QUIET_TIME = 0.4  # seconds in which an idle server uses less than a tenth of a core


class Crew(Struct):
    """A server with its workers; a gim of one process has none."""

    server: Server
    workers: list[int]  # process ids

    def cpu(self) -> list[float]:
        """Return the CPU seconds of the parent so far, then those of each worker."""
        return [proc.cpu(pid) for pid in self.pids]

    def pss(self) -> list[float]:
        """Return the memory of the parent in MB, then that of each worker."""
        return [proc.pss(pid) / 1e6 for pid in self.pids]

    def connections(self) -> list[int]:
        """Return how many clients of the gateway each worker serves; of one process, its own."""
        return [len(proc.peer_ports(pid, self.server.port)) for pid in self.workers or self.pids]

    @property
    def pids(self) -> list[int]:
        return [self.server.process.pid, *self.workers]

    def settle(self) -> None:
        """Wait until the server is idle."""
        give_up_at = time.monotonic() + _PATIENCE
        before, used = sum(self.cpu()), 1.0
        while used > _QUIET_TIME / 10 and time.monotonic() < give_up_at:
            time.sleep(_QUIET_TIME)
            now = sum(self.cpu())
            used, before = now - before, now

    def crossing(self, load: Load) -> float:
        """Return the share of the pairs of *load* whose two connections are at different processes."""
        served_by = {peer: pid for pid in self.pids for peer in proc.peer_ports(pid, self.server.port)}
        homes = [served_by[port] for port in load.do("ports")["ports"]]
        pairs = list(zip(homes[::2], homes[1::2], strict=True))
        return sum(one != other for one, other in pairs) / len(pairs)


class Spent(Struct):
    """What the generator found, and the CPU seconds of each process meanwhile, the parent's first."""

    found: dict[str, Any]
    cpu_s: list[float]

    def each(self, units: float) -> dict[str, float]:
        """Return CPU µs per unit: the parent's, the busiest worker's, that of all. One process is all."""
        costs = [seconds / units * 1e6 for seconds in self.cpu_s]
        return {
            "parent_us": costs[0],
            "busiest_us": max(costs[1:], default=costs[0]),
            "sum_us": sum(costs),
        }


def measure(crew: Crew, load: Load, command: str) -> Spent:
    """Run a command of the generator."""
    before = crew.cpu()
    found = load.do(command)
    return Spent(found, [now - then for now, then in zip(crew.cpu(), before, strict=True)])


@contextmanager
def serving_crew(workers: int) -> Iterator[Crew]:
    """Start a gim with so many workers, and wait until all of them serve; 1 is one process alone."""
    options = ("--gateway-worker", str(workers)) if workers > 1 else ()
    with serving_gim(f"workers-{workers}", *options) as server:
        crew = Crew(server, [])
        if workers > 1:
            crew.workers = _wait_for_workers(server, workers)
        crew.settle()
        yield crew


def _wait_for_workers(server: Server, count: int) -> list[int]:
    give_up_at = time.monotonic() + _PATIENCE
    while len(pids := proc.children(server.process.pid)) != count:
        if time.monotonic() > give_up_at:
            raise BenchError(f"{len(pids)} workers, not {count}: {server.process.last_words()}")
        time.sleep(0.05)
    return pids


@contextmanager
def crews_with_loads(
    counts: Sequence[int], connections: int, room: str = ""
) -> Iterator[dict[int, tuple[Crew, Load]]]:
    """Start a gim for each number of workers, with a generator that is connected, in *room* if any."""
    with ExitStack() as stack:
        crews = {}
        for workers in counts:
            crew = stack.enter_context(serving_crew(workers))
            load = stack.enter_context(crew.server.load())
            if connections:
                load.connect(connections)
            if room:
                load.do(f"join {room}")
            crews[workers] = crew, load
        yield crews
