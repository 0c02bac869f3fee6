"""How busy a server is: what changes between two readings of its metrics."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any

from gim.cli import metrics
from gim.cli.failures import Refused
from gim.cli.http import Server, route
from gim.cli.output import count, safe, size, span
from gim.concurrency.clocks import WallClock

_RATES = {  # a second, by the counter
    "requests": "gim_requests_total",
    "pushes": "gim_pushes_total",
    "pushed_messages": "gim_pushed_messages_total",
    "limit_hits": "gim_limit_hits_total",
}
_GAUGES = {
    "connections": "gim_connections",
    "users": "gim_users",
    "chatrooms": "gim_chatrooms",
    "unsent_bytes": "gim_unsent_bytes",
    "rss_bytes": "process_resident_memory_bytes",
}
_DURATION = "gim_request_duration_seconds"


class Sampler:
    """Asks a server again and again; each sample has the rates since the one before."""

    def __init__(self, anyone: Server, administrator: Server | None, users: Sequence[str]) -> None:
        """Without an *administrator* a sample has no nodes, and *users* must be empty."""
        self._anyone = anyone
        self._administrator = administrator
        self._users = users
        self._before = metrics.Page()
        self._before_at = monotonic()

    def sample(self) -> dict[str, Any]:
        """Return one view, as ``gim top --json`` prints it. Raises as `Server.ask` does.

        The values of ``metrics`` are rates a second, bytes and seconds; it is None for a server that does
        not measure.
        """
        page, at = metrics.page(self._anyone), monotonic()
        view = {
            "ready": self._readiness(),
            "metrics": None if page is None else self._measured(page, at - self._before_at),
            "nodes": self._nodes(),
            "connections": [row for user in self._users for row in self._connections(user)],
        }
        self._before, self._before_at = page or metrics.Page(), at
        return view

    def _readiness(self) -> str:
        try:
            self._anyone.ask("GET", "/readyz")
        except Refused as error:
            return error.msg
        return "ready"

    def _measured(self, page: metrics.Page, seconds: float) -> dict[str, Any]:
        started_at = page["process_start_time_seconds"]
        is_anew = started_at != self._before["process_start_time_seconds"]
        before = metrics.Page() if is_anew else self._before  # counters begin at 0 with each start
        seconds = max(seconds, 0.001)
        measured: dict[str, Any] = {
            "version": page.info.get("version", ""),
            "storage": page.info.get("storage", ""),
            "up_s": round(WallClock().now_ms() / 1000 - started_at) if started_at else None,
        }
        measured |= {name: page[metric] for name, metric in _GAUGES.items()}
        measured |= {
            f"{name}_per_s": round((page[metric] - before[metric]) / seconds, 3)
            for name, metric in _RATES.items()
        }
        cpu = page["process_cpu_seconds_total"] - before["process_cpu_seconds_total"]
        measured["cpu_share"] = round(cpu / seconds, 3)
        for share in (50, 99):
            measured[f"request_p{share}_s"] = metrics.quantile(before, page, _DURATION, share / 100)
        return measured

    def _nodes(self) -> list[dict[str, Any]]:
        if self._administrator is None:
            return []
        data = self._administrator.ask("GET", route("v1", "admin", "statistics"))
        return list(data["nodes"])

    def _connections(self, user: str) -> list[dict[str, Any]]:
        assert self._administrator is not None
        data = self._administrator.ask("GET", route("v1", "admin", "users", user, "connections"))
        return [{"user": user, **row} for row in data["items"]]


def summary(view: dict[str, Any]) -> str:
    """Return the first lines of a view, for people."""
    measured = view["metrics"]
    if measured is None:
        return f"gim  {safe(view['ready'])}  (the server runs with --metrics=false)"
    up = f"  up {span(measured['up_s'])}" if measured["up_s"] is not None else ""
    return "\n".join(
        [
            f"gim {safe(measured['version'])}  {safe(measured['storage'])}{up}  CPU"
            f" {measured['cpu_share']:.0%}  RSS {size(measured['rss_bytes'])}  {safe(view['ready'])}",
            f"connections {count(measured['connections'])}  users {count(measured['users'])}  chatrooms"
            f" {count(measured['chatrooms'])}  unsent {size(measured['unsent_bytes'])}",
            f"requests {count(measured['requests_per_s'])}/s  pushes {count(measured['pushes_per_s'])}/s"
            f" with {count(measured['pushed_messages_per_s'])} messages/s  limit hits"
            f" {count(measured['limit_hits_per_s'])}/s  {_durations(measured)}".rstrip(),
        ]
    )


def _durations(measured: dict[str, Any]) -> str:
    p50, p99 = measured["request_p50_s"], measured["request_p99_s"]
    return "" if p50 is None else f"request p50 {p50 * 1000:.1f} ms p99 {p99 * 1000:.1f} ms"
