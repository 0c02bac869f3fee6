"""What a measurement has found, as one object for JSON and as lines for people."""

from __future__ import annotations

from collections import Counter
from typing import Any

from gim.benchmark.advice import option_for
from gim.benchmark.histogram import Histogram
from gim.benchmark.machine import Machine
from gim.benchmark.plan import FANOUT, IDLE, LOGIN, PRIVATE, Plan
from gim.benchmark.server_load import ServerLoad
from gim.benchmark.tally import Tally
from gim.cli.output import count, safe, size

BUSY = 0.85  # of a core, from which on a process of the generator may be the limit
BUSY_MACHINE = 0.95
SLACK = 0.7  # of a core, below which a server of one process waits for something
MIN_RSS = 1024  # bytes of a connection; a TLS-less one of gim takes some ten times that
MAX_LAG_MS = 20.0
MAX_LATE = 0.01  # of all messages of an open loop
_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def report(
    plan: Plan,
    tally: Tally,
    measured_s: float,
    load: ServerLoad,
    machine: Machine,
    opened: dict[str, Any],
) -> dict[str, Any]:
    """Return the figures of a measurement; the unit is in each name, and what is not known is None.

    *opened* has the figures of connecting, where they belong to the measurement.
    """
    counts, seconds = tally.counts, max(measured_s, 1e-6)
    busiest = max(tally.cpu_s, default=0.0) / seconds
    lag_us = tally.lag.quantile_us(0.99)
    found: dict[str, Any] = {
        "measurement": plan.measurement,
        "clients": len(plan.users),
        "processes": plan.processes,
        "in_flight": None if plan.rate or plan.measurement == IDLE else plan.in_flight,
        "rate_per_s": plan.rate or None,
        "measured_s": round(measured_s, 3),
    }
    found |= _figures(plan, counts, seconds) | opened
    for name, histogram in tally.latencies.items():
        found |= _latencies(name, histogram)
    found |= {
        "missing": counts["missing"],
        "repeated": counts["repeated"],
        "errors": dict(tally.errors),
        "closed": dict(tally.closed),
        "late_sends": counts["late"],
        "generator_cpu_share": round(busiest, 3),
        "generator_lag_p99_ms": None if lag_us is None else round(lag_us / 1000, 3),
        "machine_cpu_share": None if machine.share is None else round(machine.share, 3),
        "server_cpu_share": None if load.cpu_share is None else round(load.cpu_share, 3),
        "server_rss_bytes": load.rss_bytes,
    }
    return found | {"warnings": warnings(plan, tally, found)}


def _figures(plan: Plan, counts: Counter[str], seconds: float) -> dict[str, Any]:
    def rates(*names: str) -> dict[str, Any]:
        return {name: counts[name] for name in names} | {
            f"{name}_per_s": round(counts[name] / seconds, 1) for name in names
        }

    match plan.measurement:
        case "private":
            return {"size_bytes": plan.size} | rates("messages")
        case "fanout":
            figures = {"rooms": len(plan.rooms), "size_bytes": plan.size}
            figures |= rates("messages", "frames", "deliveries")
            figures |= {"skipped": counts["skipped"]}
            return figures | {"bytes_in_per_s": round(counts["bytes_in"] / seconds)}
        case "login":
            return {f"logins{name[8:]}": value for name, value in rates("messages").items()}
    return {"connections": counts["connected"]}


def _latencies(name: str, histogram: Histogram) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for label, share in _SHARES.items():
        us = histogram.quantile_us(share)
        found[f"{name}_{label}_ms"] = None if us is None else round(us / 1000, 3)
    return found | {f"{name}_max_ms": histogram.max_us / 1000 if histogram.count else None}


def warnings(plan: Plan, tally: Tally, found: dict[str, Any]) -> list[str]:
    """Return what makes the figures doubtful, in words."""
    return [*_of_generator(plan, found), *_of_server(plan, tally, found)]


def _of_generator(plan: Plan, found: dict[str, Any]) -> list[str]:
    lines = []
    if found["generator_cpu_share"] >= BUSY:
        lines.append(
            "the generator is the limit: a process of it used"
            f" {found['generator_cpu_share']:.0%} of a core. Use more --processes, or a machine of"
            " its own"
        )
    elif (found["generator_lag_p99_ms"] or 0) > MAX_LAG_MS:
        lines.append(
            f"the generator was {found['generator_lag_p99_ms']:.0f} ms late to read what had come (p99):"
            " that is part of the latencies"
        )
    if plan.rate and found["late_sends"] > MAX_LATE * plan.rate * found["measured_s"]:
        lines.append(
            f"the generator fell behind the rate: {count(found['late_sends'])} sends were more than 10 ms"
            " late"
        )
    is_paced_by_server = plan.measurement == FANOUT and not plan.rate and not lines
    if is_paced_by_server and (found["server_cpu_share"] or 0) < SLACK:
        lines.append(
            "the server pushes to a chatroom once in --message-push-duration, which sets the pace without"
            " --rate: lower it to see what the server can do"
        )
    share = found["machine_cpu_share"]
    if plan.site.is_loopback and share is not None and share >= BUSY_MACHINE:
        lines.append(
            f"this machine was {share:.0%} busy: the server and the generator compete for its cores"
        )
    return lines


def _of_server(plan: Plan, tally: Tally, found: dict[str, Any]) -> list[str]:
    lines = []
    for code, number in (tally.errors | tally.closed).items():
        sentence = safe(tally.messages.get(code, ""))
        what = "closed" if code in tally.closed else "refused"
        if option := option_for(code, sentence):
            lines.append(
                f"limits of the server were reached: {count(number)} times {what} with {code},"
                f" {sentence}. Raise {option}, or start the server with --limits dry-run"
            )
        else:
            lines.append(
                f"{count(number)} times {what} with {code}" + (f", {sentence}" if sentence else "")
            )
    if found["missing"]:
        lines.append(f"{count(found['missing'])} messages were not complete after the measurement")
    rss = found.get("rss_bytes_per_connection")
    if rss is not None and rss < MIN_RSS:
        lines.append(
            "the server used memory again that earlier connections had left: measure a server that has"
            " just started"
        )
    if found["repeated"]:
        lines.append(f"{count(found['repeated'])} messages came twice or out of order")
    if found.get("skipped"):
        lines.append(
            f"the server left {count(found['skipped'])} messages out of pushes: it pushes the newest"
            " --message-push-count of a chatroom each --message-push-duration, and none to slow readers"
        )
    return lines


def text(found: dict[str, Any]) -> str:
    """Return the lines for people."""
    lines = [_title(found)]
    match found["measurement"]:
        case "private":
            lines.append(
                f"{count(found['messages_per_s'])} messages/s, {count(found['messages'])} in all"
            )
        case "fanout":
            lines.append(
                f"{count(found['frames_per_s'])} frames/s with {count(found['deliveries_per_s'])}"
                f" messages/s, {size(found['bytes_in_per_s'])}/s; {count(found['skipped'])} messages"
                " skipped"
            )
            lines.append(f"{found['messages_per_s']:,.1f} messages/s are complete")
        case "login":
            lines.append(f"{count(found['logins_per_s'])} logins/s, {count(found['logins'])} in all")
        case _:
            lines.append(_of_idle(found))
    for name in ("reply", "push", "login"):
        if found.get(f"{name}_p50_ms") is not None:
            cells = [f"{label} {found[f'{name}_{label}_ms']:,.2f}" for label in (*_SHARES, "max")]
            lines.append(f"{name.ljust(5)}  {'  '.join(cells)} ms")
    lines.append(_of_processes(found))
    return "\n  ".join(lines)


def _title(found: dict[str, Any]) -> str:
    parts = [f"{count(found['clients'])} clients"]
    if found["measurement"] == FANOUT:
        parts.append(f"{count(found['rooms'])} chatroom{'s' if found['rooms'] > 1 else ''}")
    if found["measurement"] in (PRIVATE, FANOUT):
        parts.append(f"{count(found['size_bytes'])} bytes")
    if found["rate_per_s"]:
        parts.append(f"{found['rate_per_s']:,g}/s wanted")
    elif found["measurement"] != IDLE:
        unit = {PRIVATE: " each", FANOUT: " in each chatroom", LOGIN: ""}[found["measurement"]]
        parts.append(f"{found['in_flight']} in flight{unit}")
    return f"{found['measurement']}: {', '.join(parts)}, {found['measured_s']:.1f} s"


def _of_idle(found: dict[str, Any]) -> str:
    rss = found["rss_bytes_per_connection"]
    memory = "memory not known" if rss is None else f"{size(rss)} of the server's RSS for each"
    rate = found["logins_per_s"]
    speed = "" if rate is None else f", opened at {count(rate)} logins/s"
    return f"{count(found['connections'])} connections stayed, {memory}{speed}"


def _of_processes(found: dict[str, Any]) -> str:
    parts = [f"generator CPU {found['generator_cpu_share']:.0%} of a core"]
    if found["processes"] > 1:
        parts[0] += f" in the busiest of {found['processes']} processes"
    if found["server_cpu_share"] is not None:
        parts.append(f"server CPU {found['server_cpu_share']:.0%}, RSS {size(found['server_rss_bytes'])}")
    return ", ".join(parts)
