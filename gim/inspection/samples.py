"""Samples: what a process has and does at a moment, and how samples are joined.

A field is None where a process does not know it: with ``--metrics=false`` nothing counts requests, and
the parent of workers has no connections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import nan
from typing import Any, Final, Literal

from msgspec import Struct

from gim.limits.limits import ALL


class Sample(Struct, frozen=True, kw_only=True):
    """What there is at a moment, and what happened in the second before it.

    ``at`` is in Unix ms. ``messages`` counts those stored since the start. Rates are a second:
    ``messages_in`` were stored, ``messages_out`` and ``frames_out`` were written to connections, a
    message once for each, ``requests`` came over WebSocket, ``bytes_in`` and ``bytes_out`` went through
    all network interfaces of the machine or container, ``refusals`` by the limit that was reached.
    ``send_p50_ms`` and ``send_p99_ms`` are how long requests to send a message took.
    ``reactor_delay_ms`` is how late a timer was, ``cpu`` the share of one core, ``rss`` the bytes of RAM,
    ``unsent`` the bytes that wait for slow readers; ``slow_readers`` were closed. ``webhook_oldest_s`` is
    the age of the oldest event that waits. Of several processes the largest delays and ages count, and
    the worst state.
    """

    at: int
    connections: int | None = None
    users: int | None = None
    chatrooms: int | None = None
    messages: int | None = None
    messages_in: float | None = None
    requests: float | None = None
    frames_out: float | None = None
    messages_out: float | None = None
    bytes_in: float | None = None
    bytes_out: float | None = None
    send_p50_ms: float | None = None
    send_p99_ms: float | None = None
    reactor_delay_ms: float | None = None
    cpu: float | None = None
    rss: int | None = None
    unsent: int | None = None
    logins: float | None = None
    refusals: dict[str, float] = {}
    webhook_queue: int | None = None
    webhook_oldest_s: float | None = None
    storage_up: bool | None = None
    ready: bool | None = None
    slow_readers: float | None = None
    http_requests: float | None = None


class NodeSample(Sample, frozen=True, kw_only=True):
    """A sample of one process. ``worker`` is its number, 0 for a node of one process and for the parent
    of workers; ``started_at`` is in Unix ms."""

    node: str
    worker: int
    version: str
    started_at: int
    storage: Literal["memory", "redis"]


Join = Callable[[float, float], float]

AMOUNTS: Final = ("connections", "users", "chatrooms", "messages", "rss", "unsent", "webhook_queue")
TRAFFIC: Final = ("bytes_in", "bytes_out")  # of all processes in a network namespace
RATES: Final = (
    "messages_in",
    "requests",
    "frames_out",
    "messages_out",
    *TRAFFIC,
    "cpu",
    "logins",
    "slow_readers",
    "http_requests",
)
DELAYS: Final = ("send_p50_ms", "send_p99_ms", "reactor_delay_ms", "webhook_oldest_s")
STATES: Final = ("storage_up", "ready")  # 1.0 or 0.0
REFUSALS: Final = {f"refusals.{name}": name for name in ALL}  # rates, one for each limit
SHOWN: Final = (*AMOUNTS, *RATES, *DELAYS, *STATES)  # by these names
FIELDS: Final = (*SHOWN, *REFUSALS)

# What the parent of workers knows of all of them, if it has the storage: a user may be connected to two.
OF_THE_PARENT: Final = frozenset({"users", "chatrooms", "messages"})

Values = Mapping[str, float]  # by field; one that is missing is not known


def _joined_by(name: str) -> Join:
    if name in DELAYS:
        return max
    return min if name in STATES else float.__add__


# How the values of several processes become one.
JOINS: Final[Mapping[str, Join]] = {name: _joined_by(name) for name in FIELDS}


def shown_as(name: str, values: Iterable[float]) -> list[Any]:
    """Return values of a field as a `Sample` has them; NaN stands for an unknown one."""
    if name in AMOUNTS:
        return [round(value) if value == value else None for value in values]
    if name in STATES:
        return [bool(value) if value == value else None for value in values]
    return [round(value, 3) if value == value else None for value in values]


def fields_of(at: int, values: Values) -> dict[str, Any]:
    """Return the fields of a `Sample` with these values."""
    fields: dict[str, Any] = {
        name: shown_as(name, (values[name],))[0] for name in SHOWN if name in values
    }
    refusals = {limit: round(values[name], 3) for name, limit in REFUSALS.items() if values.get(name)}
    return fields | {"at": at, "refusals": refusals}


def values_of(sample: Sample) -> dict[str, float]:
    """Return the values of a sample by field."""
    values = {name: getattr(sample, name) for name in SHOWN}
    known = {name: float(value) for name, value in values.items() if value is not None}
    refusals = {name: sample.refusals.get(limit, 0.0) for name, limit in REFUSALS.items()}
    return known | {name: value for name, value in refusals.items() if value}


def joined(samples: Iterable[Values]) -> dict[str, float]:
    """Return the values of several processes as one."""
    total: dict[str, float] = {}
    for values in samples:
        for name, value in values.items():
            known = total.get(name, nan)
            total[name] = JOINS[name](known, value) if known == known else value
    return total
