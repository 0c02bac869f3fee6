"""``python -m bench``: runs the jobs, prints their tables, writes them as JSON."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from bench import build, centrifugo, report
from bench.bars import judge
from bench.jobs import (
    against,
    batched,
    codecs,
    collector,
    console,
    counting,
    dear,
    durable,
    fanout,
    generator,
    http,
    hub,
    idle,
    latency,
    logins,
    private,
    profiling,
    redis,
    stalls,
    store,
    storm,
    workers,
)
from bench.process import BUILD, BenchError, Others
from bench.results import Plan, Table

JOBS: dict[str, Callable[[Plan], list[Table]]] = {
    "fanout": fanout.run,
    "private": private.run,
    "latency": latency.run,
    "idle": idle.run,
    "store": store.run,
    "logins": logins.run,
    "redis": redis.run,
    "counting": counting.run,
    "dear": dear.run,
    "workers": workers.run,
    "durable": durable.run,
    "hub": hub.run,
    "stalls": stalls.run,
    "generator": generator.run,
    "collector": collector.run,
    "profiling": profiling.run,
    "storm": storm.run,
    "codecs": codecs.run,
    "console": console.run,
    "http": http.run,
    "batched": batched.run,
    "against": against.run,
}
WITH_PEERS = {
    "batched",
    "fanout",
    "private",
    "idle",
    "logins",
    "http",
}  # jobs that compare servers which may be absent
LETTERS = dict(zip("abcdefghijk", JOBS, strict=False))  # the others have none

FULL = Plan(
    rounds=5,
    small=1000,
    big=10_000,
    fanout_frames=60_000,
    seconds=2.0,
    latency_seconds=8,
    logins=1000,
    stores=(10**4, 10**5, 10**6),
    kinds=("gim", "stock", "floor", "ws", "uws", *centrifugo.KINDS),
)
QUICK = msgspec.structs.replace(
    FULL,
    rounds=2,
    big=2000,
    fanout_frames=8_000,
    seconds=0.4,
    latency_seconds=2,
    logins=300,
    stores=(10**4, 10**5),
    quick=True,
)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure gim beside its peers.")
    parser.add_argument("--quick", action="store_true", help="a smoke run of about half a minute")
    words = ", ".join(f"{letter} {job}" for letter, job in LETTERS.items())
    parser.add_argument("--only", type=jobs, default=list(JOBS), help=f"some jobs, as in a,b,c: {words}")
    parser.add_argument("--json", type=Path, default=BUILD / "results.json", help="where figures go")
    parser.add_argument("--write", type=Path, help="a document that has marks for the tables")
    parser.add_argument("--against", type=Path, help="another checkout of gim, for the job against")
    return parser.parse_args()


def jobs(text: str) -> list[str]:
    names = [LETTERS.get(word, word) for word in text.split(",")]
    if unknown := set(names) - set(JOBS):
        raise argparse.ArgumentTypeError(f"no job {min(unknown)!r}")
    return [job for job in JOBS if job in names]


def fit(plan: Plan, wanted: list[str]) -> Plan:
    """Return the plan as far as this machine can do it; say on stderr what it can't."""
    if (most := build.most_connections()) < plan.big:
        say(f"only {most} connections, not {plan.big}: raise ulimit -n to {plan.big + build.SPARE_FILES}")
        plan = msgspec.structs.replace(plan, big=most)
        if most < plan.small:
            raise BenchError(f"fewer than {plan.small} connections are not enough")
    if WITH_PEERS & set(wanted):
        plan = msgspec.structs.replace(plan, kinds=tuple(_without_absent(plan.kinds)))
    return plan


def _without_absent(kinds: Iterable[str]) -> Iterator[str]:
    """Return the kinds of servers that can be had here; say on stderr which can't, and what to do."""
    absent: set[str] = set()
    if build.node_modules() is None:
        say("no node, or its packages can't be had: without ws and uWebSockets.js")
        absent |= {"ws", "uws"}
    if not centrifugo.is_here():
        say(f"no centrifugo on the PATH: without Centrifugo; {centrifugo.HOW_TO_GET} builds it")
        absent |= set(centrifugo.KINDS)
    return (kind for kind in kinds if kind not in absent)


def say(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)


def measure(options: argparse.Namespace) -> None:
    if options.write:
        report.check_document(options.write)
    if not set(options.only) <= {"store", "codecs", "dear", "hub", "stalls"}:  # which need no generator
        build.compile_all()
    plan = fit(QUICK if options.quick else FULL, options.only)
    plan = msgspec.structs.replace(plan, against=options.against)
    tables: dict[str, Table] = {}
    for job in options.only:
        began, others = time.monotonic(), Others()
        for table in JOBS[job](plan):
            table.notes.append(f"Meanwhile other programs used {others.share():.0%} of the machine.")
            tables[table.job] = table
        say(f"{job} took {time.monotonic() - began:.0f} s")
    bars = judge(plan, tables)
    text = report.as_text(plan, tables, bars)
    print(text)
    report.write_json(options.json, plan, tables, bars)
    if options.write:
        report.write_document(options.write, text)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # so that children are ended
    options = read_arguments()
    try:
        measure(options)
    except BenchError as error:
        sys.exit(f"bench: {error}")


if __name__ == "__main__":
    main()
