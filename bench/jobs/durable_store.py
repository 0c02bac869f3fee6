"""(k) A data directory with many messages: how a start takes them, and who notices what is done to it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread

from bench.jobs import durable_fill
from bench.process import BUILD
from bench.results import Column, Plan, Table, new_table
from bench.servers import Load, serving_gim

CONNECTIONS = 100
SENDERS = 2000  # who fill a store
RATE = 500  # private messages a second, in all
SLICE_S = 1  # of a measurement
LEAST_SHARE = 0.8  # of a slice in which the work is under way, so that it counts
WAIT = 60.0  # seconds until enough slices count
LOOK_EVERY = 0.005  # seconds between two looks at the directory
STARTS = 3
SEGMENTS = ("--segment-size", f"{durable_fill.SEGMENT_SIZE // 2**20}MiB")
NO_CAP = ("--max-session-messages", "1000000", "--max-messages", "5000000")
_START = (
    Column("seconds", "seconds to /readyz", 2),
    Column("rss_mb", "RSS, MB", 0),
    Column("peak_mb", "most, MB", 0),
)
_WORK = (
    Column("p50_ms", "push p50, ms", 2),
    Column("p99_ms", "push p99, ms", 2),
    Column("share", "under way, % of the time"),
)
# of each kind of work: words, how the names of the files begin that it writes, options that have it begin
WORK: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "alone": ("nothing is written", "", ()),
    "checkpoint": ("a checkpoint is made", "state-", ("--segment-size", "1MiB")),
    "compaction": ("logs are written again", "log-", ("--max-session-messages", "100")),
}


def run(plan: Plan) -> list[Table]:
    """Measure starts, and then the latency of private messages while files are written."""
    stored = max(plan.stores)
    with TemporaryDirectory(prefix="durable-", dir=BUILD) as name:
        directory = Path(name)
        durable_fill.fill(directory / "many", stored)
        return [_starts(plan, directory, stored), _work(plan, directory, stored)]


def _starts(plan: Plan, directory: Path, stored: int) -> Table:
    labels = {
        "empty": "an empty directory",
        "live": f"{stored:,} messages, as sent",
        "started": "the same after a start",
        "many": f"{stored:,} messages of {stored // 10:,} users, after a start",
    }
    table = new_table("durable-start", "(k) A start", _START, labels)
    live = _fill_live(directory / "live", stored)
    for number in range(min(STARTS, plan.rounds)):
        table.add("live", **live)
        table.add("empty", **_start(directory / f"empty-{number}"))
        table.add("started", **_start(directory / "live"))
        table.add("many", **_start(directory / "many"))
    return table


def _fill_live(data: Path, stored: int) -> dict[str, float]:
    """Send so many messages to a gim; return what it needs with them."""
    data.mkdir(mode=0o700)
    with serving_gim("durable-live", "--data-dir", str(data), *NO_CAP) as server, server.load() as load:
        load.connect(SENDERS)
        sent = 0
        while sent < stored:
            sent += load.do(f"private {SENDERS} 1 1")["messages"]
        load.do("close")
        time.sleep(1)
        return {"rss_mb": server.process.rss() / 1e6, "peak_mb": server.process.peak_rss() / 1e6}


def _start(data: Path) -> dict[str, float]:
    data.mkdir(mode=0o700, exist_ok=True)
    began = time.monotonic()
    with serving_gim("durable-start", "--data-dir", str(data), *NO_CAP) as server:
        seconds = time.monotonic() - began
        time.sleep(1)
        process = server.process
        figures = {"rss_mb": process.rss() / 1e6, "peak_mb": process.peak_rss() / 1e6}
        return {"seconds": seconds, **figures}


def _work(plan: Plan, directory: Path, stored: int) -> Table:
    labels = {kind: f"while {words}" for kind, (words, _, _) in WORK.items()}
    title = f"(k) Latency of private messages, {RATE}/s, with {stored:,} messages in the store"
    table = new_table("durable-work", title, _WORK, labels)
    for _ in plan.each_round("latency while files are written"):
        for kind, (_, prefix, options) in WORK.items():
            data = directory / kind
            shutil.copytree(directory / "many", data)
            options = ("--data-dir", str(data), *SEGMENTS, *NO_CAP, *options)
            with serving_gim(f"durable-{kind}", *options) as server, server.load() as load:
                load.connect(CONNECTIONS)
                table.add(kind, **_pace(plan, load, data, prefix))
            shutil.rmtree(data)
    return table


def _pace(plan: Plan, load: Load, data: Path, prefix: str) -> dict[str, float]:
    """Send in slices; return the medians of those in which the work was under way."""
    slices = []
    give_up_at = time.monotonic() + WAIT
    while len(slices) < plan.latency_seconds and time.monotonic() < give_up_at:
        with _watching(data, prefix) as seen:
            found = load.do(f"paced {CONNECTIONS} {RATE} {SLICE_S}")["push_us"]
        share = sum(seen) / len(seen)
        if share >= LEAST_SHARE:
            slices.append((found["p50"] / 1000, found["p99"] / 1000, share * 100))
    if not slices:
        return {}
    p50s, p99s, shares = zip(*slices, strict=True)
    return {"p50_ms": median(p50s), "p99_ms": median(p99s), "share": median(shares)}


@contextmanager
def _watching(data: Path, prefix: str) -> Iterator[list[bool]]:
    """Look again and again if a file is being written whose name begins so, or none if it is "".

    Yields what is seen.
    """
    seen: list[bool] = []
    is_over = Event()

    def watch() -> None:
        while not is_over.wait(LOOK_EVERY):
            written = [name for name in os.listdir(data) if name.endswith(".tmp")]
            seen.append(any(name.startswith(prefix) for name in written) if prefix else not written)

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        is_over.set()
        watcher.join()
