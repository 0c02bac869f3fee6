"""(k) What a data directory costs: private messages with each ``--sync``, and on Redis beside it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.jobs import durable_store
from bench.process import BUILD, BenchError, Process
from bench.redis import GET_THEM, missing, serving_redis
from bench.results import Column, Plan, Table, new_table
from bench.servers import Load, Server, serving_gim

CONNECTIONS = 100
IN_FLIGHT = (1, 8, 64)  # messages of each connection that have not got both ack and push yet
RATE = 500  # private messages a second, in all, of the measurement of latency
SLICES = 10  # that a measurement is made of: short ones, so that what disturbs one kind disturbs all
SYNCS = 100  # that are measured of the disk, in each round
RECORD = bytes(170)  # as long as a message in the journal
SYNCED = {
    "none": "without a data directory",
    "1s": "--sync 1s",
    "always": "--sync always",
}
REDIS = {
    "everysec": "Redis, appendfsync everysec",
    "redis-always": "Redis, appendfsync always",
}
_COLUMNS = (
    Column("cpu_us", "CPU µs per message, gim", 1),
    Column("redis_us", "Redis", 1),
    Column("per_s", "messages/s"),
    Column("p50_ms", "push p50, ms", 2),
    Column("p99_ms", "push p99, ms", 2),
    Column("generator", "generator busy, %"),
)
_LATENCY = (
    Column("p50_ms", "push p50, ms", 3),
    Column("p99_ms", "push p99, ms", 2),
    Column("sync_ms", "the disk's own fdatasync, p50, ms", 3),
)


class Setup:
    """A gim with its generator, and its Redis if it has one."""

    def __init__(self, load: Load, redis: Process | None) -> None:
        self.load = load
        self._redis = redis

    def send(self, in_flight: int, seconds: float) -> dict[str, float]:
        """Send for so long; return the sums of what was found."""
        before = self._redis.cpu() if self._redis else 0.0
        found = self.load.do(f"private {CONNECTIONS} {in_flight} {seconds}")
        return {
            "messages": found["messages"],
            "wall_s": found["wall_s"],
            "cpu_s": found["server_cpu_s"],
            "redis_s": self._redis.cpu() - before if self._redis else 0.0,
            "generator_s": found["generator_cpu_s"],
            "p50": found["push_us"]["p50"] / 1000,
            "p99": found["push_us"]["p99"] / 1000,
        }


def run(plan: Plan) -> list[Table]:
    """Measure all kinds in turn. Redis is left out where it is not installed."""
    kinds = SYNCED | ({} if missing() else REDIS)
    if absent := missing():
        print(f"bench: no {' and no '.join(absent)}, without Redis: {GET_THEM}", file=sys.stderr)
    labels = {
        f"{kind}-{n}": f"{words}, {n} in flight" for n in IN_FLIGHT for kind, words in kinds.items()
    }
    title = f"(k) Private messages of {CONNECTIONS} connections on a data directory"
    table = new_table("durable", title, _COLUMNS, labels)
    latency = new_table("durable-latency", f"(k) Their latency, {RATE}/s", _LATENCY, dict(kinds))
    for _ in plan.each_round("private messages on a data directory"):
        with _all_connected(kinds) as (
            setups,
            directory,
        ):  # anew, as two processes differ by some percent
            for in_flight in IN_FLIGHT:
                _take_turns(plan, table, setups, in_flight)
            for kind, setup in setups.items():
                latency.add(kind, sync_ms=disk_sync_ms(directory), **_pace(plan, setup.load))
    return [table, latency, *durable_store.run(plan)]


@contextmanager
def _all_connected(kinds: dict[str, str]) -> Iterator[tuple[dict[str, Setup], Path]]:
    """Start one gim of each kind with a generator; yield them, and a directory of the same disk."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="durable-", dir=BUILD)))
        setups = {}
        for kind in kinds:
            server, redis = _started(stack, kind, directory)
            load = stack.enter_context(server.load())
            load.connect(CONNECTIONS)
            setups[kind] = Setup(load, redis)
            setups[kind].send(1, 0.3)  # warm up
        yield setups, directory


def _started(stack: ExitStack, kind: str, directory: Path) -> tuple[Server, Process | None]:
    options: tuple[str, ...] = ()
    process = None
    if kind in REDIS:
        aof = "--appendonly", "yes", "--appendfsync", kind.removeprefix("redis-")
        redis = stack.enter_context(serving_redis(f"durable-{kind}-server", *aof))
        options, process = ("--storage", "redis", "--redis-url", redis.url), redis.process
    elif kind != "none":
        data = directory / kind
        data.mkdir(mode=0o700)
        options = "--data-dir", str(data), "--sync", kind
    return stack.enter_context(serving_gim(f"durable-{kind}", *options)), process


def _take_turns(plan: Plan, table: Table, setups: dict[str, Setup], in_flight: int) -> None:
    """Measure in slices, in the order A B C C B A A …, and add them up.

    A Redis that does not answer in the time that a request has is left out from there on.
    """
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in setups}
    for number in range(SLICES):
        for kind in list(setups if number % 2 == 0 else reversed(setups)):
            try:
                found[kind].append(setups[kind].send(in_flight, plan.seconds / SLICES))
            except BenchError:
                if kind not in REDIS:
                    raise
                del setups[kind], found[kind]
                note = f"{REDIS[kind]}, {in_flight} in flight: not all were answered in time."
                table.notes += [note] if note not in table.notes else []
    for kind, slices in found.items():
        table.add(f"{kind}-{in_flight}", **_figures(slices, kind in REDIS))


def _figures(slices: list[dict[str, float]], has_redis: bool) -> dict[str, float]:
    total = {key: sum(one[key] for one in slices) for key in slices[0]}
    figures = {
        "cpu_us": total["cpu_s"] / total["messages"] * 1e6,
        "per_s": total["messages"] / total["wall_s"],
        "p50_ms": median(one["p50"] for one in slices),
        "p99_ms": median(one["p99"] for one in slices),
        "generator": total["generator_s"] / total["wall_s"] * 100,
    }
    return figures | ({"redis_us": total["redis_s"] / total["messages"] * 1e6} if has_redis else {})


def _pace(plan: Plan, load: Load) -> dict[str, float]:
    found = load.do(f"paced {CONNECTIONS} {RATE} {plan.seconds * 2}")["push_us"]
    return {f"{name}_ms": found[name] / 1000 for name in ("p50", "p99")}


def disk_sync_ms(directory: Path) -> float:
    """Return the median time of an fdatasync after a record was written to blocks that are there.

    The records come at the `RATE` of the messages: between them disk and processor fall asleep, as they
    do under a server, and a sync takes half as long again as one right after another.
    """
    file = os.open(directory / "sync", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(file, bytes(len(RECORD) * SYNCS), 0)
        os.fsync(file)
        taken = []
        for number in range(SYNCS):
            time.sleep(1 / RATE)
            os.pwrite(file, RECORD, number * len(RECORD))
            began = time.perf_counter()
            os.fdatasync(file)
            taken.append(time.perf_counter() - began)
        return median(taken) * 1000
    finally:
        os.close(file)
