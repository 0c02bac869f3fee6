"""The live figures of a server as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gim.cli.output import Column, count, safe, size, span

_UNKNOWN = "-"


def summary(live: dict[str, Any], now_ms: int) -> list[str]:
    """Return the first lines of a view; *live* is a `sample` of GET /v1/admin/live."""
    total, nodes = live["total"], live["nodes"]
    return [
        _words("gim", *_about(nodes, now_ms), *_process(total), _state(total)),
        *filter(None, (_words(*_there_is(total)), _words(*_traffic(total)), _words(*_rest(total)))),
        *(_warning(each, len(nodes) > 1) for each in live["warnings"]),
    ]


def _words(*words: str) -> str:
    return "  ".join(words).rstrip()


def _about(nodes: list[dict[str, Any]], now_ms: int) -> Iterator[str]:
    if not nodes:
        return
    versions, storages = ({node[name] for node in nodes} for name in ("version", "storage"))
    yield safe("/".join(sorted(versions)))
    yield safe("/".join(sorted(storages)))
    names = {node["node"] for node in nodes}
    if len(names) > 1:
        yield f"{len(names)} nodes"
    yield f"up {span(max(0, now_ms - min(node['started_at'] for node in nodes)) / 1000)}"


def _process(total: dict[str, Any]) -> Iterator[str]:
    yield from _known(total, "cpu", "CPU {}", "{:.0%}".format)
    yield from _known(total, "rss", "RSS {}", size)
    yield from _known(total, "reactor_delay_ms", "reactor delay {} ms", "{:.1f}".format)


def _state(total: dict[str, Any]) -> str:
    if total["storage_up"] is False:
        return "storage down"
    return {True: "ready", False: "not ready"}.get(total["ready"], "")


def _there_is(total: dict[str, Any]) -> Iterator[str]:
    for name in "connections", "users", "chatrooms", "messages":
        yield from _known(total, name, name + " {}", count)
    yield from _known(total, "unsent", "unsent {}", size)


def _traffic(total: dict[str, Any]) -> Iterator[str]:
    yield from _known(total, "messages_in", "in {} messages/s", count)
    yield from _known(total, "requests", "{} requests/s", count)
    yield from _known(total, "messages_out", "out {} messages/s", count)
    yield from _known(total, "frames_out", "{} frames/s", count)
    yield from _known(total, "bytes_in", "network in {}/s", size)
    yield from _known(total, "bytes_out", "out {}/s", size)


def _rest(total: dict[str, Any]) -> Iterator[str]:
    yield from _known(total, "send_p50_ms", "send p50 {} ms", "{:.1f}".format)
    yield from _known(total, "send_p99_ms", "p99 {} ms", "{:.1f}".format)
    yield from _known(total, "logins", "logins {}/s", count)
    yield from _known(total, "http_requests", "HTTP requests {}/s", count)
    yield from _known(total, "slow_readers", "slow readers closed {}/s", count)
    yield f"refused {count(sum(total['refusals'].values()))}/s"
    yield from _known(total, "webhook_queue", "webhook events waiting {}", count)


def _known(total: dict[str, Any], name: str, text: str, write: Callable[[float], str]) -> Iterator[str]:
    """Yield a figure in a text, nothing if it is not known."""
    if total[name] is not None:
        yield text.format(write(total[name]))


def _warning(warning: dict[str, Any], names_nodes: bool) -> str:
    node = f"node {safe(warning['node'])} " if names_nodes and warning["node"] else ""
    return f"! {node}{safe(warning['text'])}"


def _column(title: str, name: str, write: Callable[[float], str]) -> Column:
    return Column(title, lambda row: _UNKNOWN if row[name] is None else write(row[name]), is_number=True)


PROCESSES = [  # of a `sample`, a row for each
    Column("NODE", lambda row: safe(row["node"])),
    Column("WORKER", lambda row: str(row["worker"]), is_number=True),
    _column("CONNECTIONS", "connections", count),
    _column("USERS", "users", count),
    _column("IN/S", "requests", count),
    _column("OUT/S", "frames_out", count),
    _column("UNSENT", "unsent", size),
    _column("CPU", "cpu", "{:.0%}".format),
    _column("RSS", "rss", size),
    _column("DELAY", "reactor_delay_ms", "{:.1f} ms".format),
    Column("UP", lambda row: span(max(0, row["at"] - row["started_at"]) / 1000), is_number=True),
    Column("STATE", lambda row: _state(row)),
]
