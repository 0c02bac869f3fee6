"""The bars of the jobs that measure gim beside other servers: fan-out, messages, logins, memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.bar import Bar
from bench.results import Plan, Table

_NAMES = {
    "uws": "uWebSockets.js",
    "ws": "ws on Node",
    "centrifugo": "Centrifugo",
    "stock": "stock Autobahn",
}
_HTTP = (("send", "a send", 180), ("healthz", "GET /healthz", 120), ("batch", "a message of a batch", 25))


def fanout(plan: Plan, table: Table) -> Iterator[Bar]:
    small, big = plan.small, plan.big
    for size in (small, big):
        ratio = table.ratio(f"floor-{size}", f"gim-{size}", "cpu_us")
        yield Bar("a", f"speed of a C send() loop, at {size:,} members", ratio, 0.85, True)
    ratio = table.ratio(f"stock-{small}", f"gim-{small}", "cpu_us")
    yield Bar("a", f"times the speed of stock Autobahn, at {small:,} members", ratio, 2.2, True)
    ratio = table.ratio(f"gim-{big}", f"gim-{small}", "cpu_us")
    yield Bar("a", f"CPU per frame at {big:,} members, by that at {small:,}", ratio, 1.2, False)
    rows = {f"at {size:,} members": str(size) for size in (small, big)}
    yield from _by("a", "CPU per frame", table, rows, {"uws": 1.05, "centrifugo": 1.0})
    yield from _by("a", "CPU per frame", table, rows, {"ws": 1.0}, required=False)


def batched(plan: Plan, table: Table) -> Iterator[Bar]:
    for size in (plan.small, plan.big):
        found = table.median(f"gim-{size}", "per_cpu_s")
        millions = found / 1e6 if found is not None else None
        yield Bar("batched", f"million messages per CPU s, {size:,} members, absolute", millions, 4, True)


def private(plan: Plan, table: Table) -> Iterator[Bar]:
    for n in (1, 8):
        ratio = table.ratio(f"stock-{n}", f"gim-{n}", "cpu_us")
        yield Bar("b", f"times the speed of stock Autobahn, {n} in flight", ratio, 1.7, True)
    rows = {f"{n} in flight": str(n) for n in (1, 8)}
    yield from _by("b", "CPU per message", table, rows, {"centrifugo": 1.0})
    yield from _by("b", "CPU per message", table, rows, {"uws": 1.2, "ws": 1.0}, required=False)


def _by(
    job: str,
    what: str,
    table: Table,
    rows: Mapping[str, str],
    limits: Mapping[str, float],
    required: bool = True,
) -> Iterator[Bar]:
    """Yield a bar for each row and each server there: gim's CPU by that of the server."""
    for kind, limit in limits.items():
        for when, row in rows.items():
            if f"{kind}-{row}" in table.rounds:
                ratio = table.ratio(f"gim-{row}", f"{kind}-{row}", "cpu_us")
                words = f"{'' if required else 'aim: '}{what} by that of {_NAMES[kind]}, {when}"
                yield Bar(job, words, ratio, limit, False, required)


def latency(plan: Plan, table: Table) -> Iterator[Bar]:
    ratio = table.ratio("gim-beside", "gim-alone", "p99_ms")
    yield Bar("c", "p99 beside the pushes, by p99 alone", ratio, 4, False)


def idle(plan: Plan, table: Table) -> Iterator[Bar]:
    for size in (plan.small, plan.big):
        used = table.median(f"gim-{size}", "bytes")
        kib = used / 1024 if used is not None else None
        yield Bar("d", f"KiB per idle connection, at {size:,}", kib, 12, False)


def storm(plan: Plan, table: Table) -> Iterator[Bar]:
    ratio = table.ratio("spread", "alone", "p99_ms")
    yield Bar("storm", "p99 beside clients that come within 10 s, by p99 alone", ratio, 5, False)


def http(plan: Plan, table: Table) -> Iterator[Bar]:
    for what, words, limit in _HTTP:
        cost = table.median(f"{what}-all", "cpu_us")
        yield Bar("http", f"CPU µs of {words}, absolute", cost, limit, False)


def logins(plan: Plan, table: Table) -> Iterator[Bar]:
    for kind, limit in (("centrifugo", 0.8), ("stock", 0.35)):
        if kind in table.rounds:
            ratio = table.ratio("gim", kind, "cpu_us")
            yield Bar("f", f"CPU per login by that of {_NAMES[kind]}", ratio, limit, False)
