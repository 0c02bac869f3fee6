"""The bars that gim has to reach, judged by what the tables hold; and what is aimed at beyond them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median

from bench import peer_bars
from bench.bar import Bar
from bench.jobs.dear import REFERENCE
from bench.jobs.store import WHICH
from bench.jobs.workers import SPREAD_OVER
from bench.results import Plan, Table


def judge(plan: Plan, tables: Mapping[str, Table]) -> list[Bar]:
    """Return the bars of all jobs that were run."""
    judges = {
        "fanout": peer_bars.fanout,
        "private": peer_bars.private,
        "latency": peer_bars.latency,
        "idle": peer_bars.idle,
        "logins": peer_bars.logins,
        "http": peer_bars.http,
        "batched": peer_bars.batched,
        "storm": peer_bars.storm,
        "store": _store,
        "stalls": _stalls,
        "redis": _redis,
        "profiling": _profiling,
        "counting": _counting,
        "dear": _dear,
        "beside": _beside,
        "workers": _workers,
        "workers-latency": _workers_latency,
        "workers-fanout": _workers_fanout,
        "workers-logins": _workers_logins,
        "workers-spread": _workers_spread,
        "durable": _durable,
        "durable-latency": _durable_latency,
        "durable-start": _durable_start,
        "durable-work": _durable_work,
        "against": _against,
    }
    return [bar for job, table in tables.items() if job in judges for bar in judges[job](plan, table)]


def _store(plan: Plan, table: Table) -> Iterator[Bar]:
    least, most = min(plan.stores), max(plan.stores)
    for which, words in WHICH.items():
        for column in table.columns:
            name = column.head.removesuffix(", µs")
            ratio = table.ratio(f"{most}-{which}", f"{least}-{which}", column.key)
            yield Bar("e", f"{name}, {words}: {most:,} by {least:,} stored", ratio, 2, False)


def _redis(plan: Plan, table: Table) -> Iterator[Bar]:
    for n in (1, 8):
        ratio = table.ratio(f"one-{n}", f"memory-{n}", "per_s")
        yield Bar("g", f"messages/s on Redis by those of memory, {n} in flight", ratio, 0.65, True)


def _stalls(plan: Plan, table: Table) -> Iterator[Bar]:
    longest = [table.median(row, key) for row in table.labels for key in ("turn_ms", "redis_ms")]
    found = max((each for each in longest if each is not None), default=None)
    yield Bar("stalls", "longest turn or command while others wait, ms, absolute", found, 10, False)


def _profiling(plan: Plan, table: Table) -> Iterator[Bar]:
    ratio = table.ratio("profiled", "without", "cpu_us")
    yield Bar("profiling", "CPU per message while a profile is made, by that without", ratio, 1.03, False)


def _counting(plan: Plan, table: Table) -> Iterator[Bar]:
    for n in (1, 8):
        ratio = table.ratio(f"counting-{n}", f"silent-{n}", "cpu_us")
        yield Bar("h", f"CPU per message by that without counting, {n} in flight", ratio, 1.03, False)


def _dear(plan: Plan, table: Table) -> Iterator[Bar]:
    ratios = (table.ratio(row, REFERENCE, "per_row_us") for row in table.labels if row != REFERENCE)
    dearest = max((ratio for ratio in ratios if ratio is not None), default=None)
    yield Bar("i", "CPU per row or KiB of the dearest request, by that of a heartbeat", dearest, 1, False)


def _beside(plan: Plan, table: Table) -> Iterator[Bar]:
    def most(key: str) -> float:
        return max(table.median(row, key) or 0.0 for row in table.labels if row.endswith("-1"))

    dearest_ms = table.median("alone", "dearest_ms") or 1.0
    what = "p99 of another user beside them, by the CPU of the dearest request"
    yield Bar("i", what, most("p99_ms") / dearest_ms, 3, False)
    what = "share of a core that one connection gets with the dearest requests"
    yield Bar("i", what, most("share"), 0.4, False)


def _workers(plan: Plan, table: Table) -> Iterator[Bar]:
    def ratio(key: str) -> float | None:
        return table.ratio("2-8", "1-8", key)

    by = "per message by that of one process, 8 in flight"
    yield Bar("j", f"2 workers: the parent's CPU {by}", ratio("parent_us"), 0.5, False)
    yield Bar("j", f"2 workers: CPU of all {by}", ratio("sum_us"), 1.9, False)


def _workers_latency(plan: Plan, table: Table) -> Iterator[Bar]:
    yield Bar("j", "2 workers: p50 of private messages, ms", table.median("2", "p50_ms"), 1, False)
    yield Bar("j", "2 workers: p99 of private messages, ms", table.median("2", "p99_ms"), 5, False)


def _workers_fanout(plan: Plan, table: Table) -> Iterator[Bar]:
    by = "per frame by that of one process"
    busiest, total = (table.ratio("2", "1", key) for key in ("busiest_us", "sum_us"))
    yield Bar("j", f"2 workers: CPU of the busiest {by}", busiest, 0.6, False)
    yield Bar("j", f"2 workers: CPU of all {by}", total, 1.15, False)


def _workers_logins(plan: Plan, table: Table) -> Iterator[Bar]:
    what = "2 workers: the parent's CPU µs per login, without the connection"
    yield Bar("j", what, table.median("2", "login_us"), 60, False)


def _workers_spread(plan: Plan, table: Table) -> Iterator[Bar]:
    rounds, even = table.rounds[str(SPREAD_OVER)], plan.small / SPREAD_OVER
    farthest = max(abs(count - even) for count in (*rounds["fewest"], *rounds["most"]))
    what = f"{SPREAD_OVER} workers: connections that one has more or fewer than {even:g}"
    yield Bar("j", what, farthest, 5, False)


def _durable(plan: Plan, table: Table) -> Iterator[Bar]:
    for n in (1, 8):
        ratio = table.ratio(f"1s-{n}", f"none-{n}", "cpu_us")
        yield Bar("k", f"--sync 1s: CPU per message by that without, {n} in flight", ratio, 1.1, False)
    ratio = table.ratio("always-64", "none-64", "per_s")
    yield Bar("k", "--sync always: messages/s by those without, 64 in flight", ratio, 0.5, True)


def _durable_latency(plan: Plan, table: Table) -> Iterator[Bar]:
    always, none = table.rounds["always"], table.rounds["none"]
    more = [
        (ours - theirs) / sync
        for ours, theirs, sync in zip(always["p50_ms"], none["p50_ms"], always["sync_ms"], strict=True)
    ]
    yield Bar("k", "--sync always: p50 more, by the disk's fdatasync", median(more), 2, False)


def _durable_start(plan: Plan, table: Table) -> Iterator[Bar]:
    for row in ("started", "many"):
        yield Bar("k", f"seconds: {table.labels[row]}", table.median(row, "seconds"), 6, False)
    peak, live = table.median("started", "peak_mb"), table.median("live", "rss_mb")
    ratio = peak / live if peak is not None and live else None
    yield Bar("k", "most memory of a start by that of the messages as sent", ratio, 1.3, False)


def _durable_work(plan: Plan, table: Table) -> Iterator[Bar]:
    alone = table.median("alone", "p99_ms")
    for kind in ("checkpoint", "compaction"):
        p99 = table.median(kind, "p99_ms")
        ratio = p99 / alone if p99 is not None and alone else None
        yield Bar("k", f"p99 {table.labels[kind]}, by p99 while nothing is written", ratio, 2, False)


def _against(plan: Plan, table: Table) -> Iterator[Bar]:
    for n in (1, 8):
        ratio = table.ratio(f"this-{n}", f"other-{n}", "cpu_us")
        yield Bar("against", f"CPU per message by that of the other, {n} in flight", ratio, 1.02, False)
