"""The metrics as families of prometheus_client, made when the page is requested."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from gim import __version__
from gim.limits.limits import ALL, MEMORY, REACTOR_DELAY, LimitHits
from gim.limits.overload import Overload
from gim.metrics.export.numbers import DataNumbers, GatewayNumbers, PushNumbers
from gim.metrics.instruments.durations import Row, buckets, total
from gim.metrics.instruments.pauses import GcPauses
from gim.metrics.instruments.requests import RequestMetrics
from gim.metrics.instruments.ticks import ReactorTicks
from gim.metrics.instruments.timed_storage import StorageTimes

Op = TypeVar("Op", bound=int | str)


class RequestCollector(Collector, Generic[Op]):
    """Requests of one transport, WebSocket or HTTP, by operation and code."""

    def __init__(self, name: str, transport: str, requests: RequestMetrics[Op]) -> None:
        self._name = name
        self._transport = transport
        self._requests = requests

    def collect(self) -> Iterator[Metric]:
        words = f"Requests over {self._transport} that were answered, by operation and code."
        counted = CounterMetricFamily(f"{self._name}_requests", words, labels=["op", "code"])
        for op, code, times in self._requests.counts():
            counted.add_metric([str(op), str(code)], times)
        yield counted
        words = f"Time from reading a request over {self._transport} to writing its reply."
        rows = {str(op): row for op, row in self._requests.rows.items()}
        yield _histogram(f"{self._name}_request_duration_seconds", words, "op", rows)


class GatewayCollector(Collector):
    """Connections of this node."""

    def __init__(self, gateway: GatewayNumbers) -> None:
        self._gateway = gateway

    def collect(self) -> Iterator[Metric]:
        gateway = self._gateway
        yield _gauge("gim_connections", "WebSocket connections.", len(gateway.connections))
        closed = CounterMetricFamily(
            "gim_closed_connections", "WebSocket connections that ended, by close code.", labels=["code"]
        )
        for code, times in gateway.closes.items():
            closed.add_metric([str(code or "other")], times)
        yield closed
        yield _gauge("gim_unsent_bytes", "Bytes that wait for slow readers.", gateway.unsent())
        words = "Connections closed because too much waited for them."
        yield CounterMetricFamily("gim_slow_readers_closed", words, gateway.slow_readers)
        words = "Times that requests waited for another iteration of the reactor, while it served others."
        yield CounterMetricFamily("gim_deferred_turns", words, gateway.deferred_turns)


class LimitCollector(Collector):
    """How often clients hit a limit, and whether the process is overloaded."""

    def __init__(self, hits: LimitHits, overload: Overload) -> None:
        self._hits = hits
        self._overload = overload

    def collect(self) -> Iterator[Metric]:
        words = "Times that a limit was reached, by the option that sets it."
        hits = {name: self._hits.counts[name] for name in ALL}
        yield _counter("gim_limit_hits", words, "limit", hits)
        words = "1 while the process is above the limit and refuses new connections."
        overloaded = GaugeMetricFamily("gim_overloaded", words, labels=["limit"])
        for name in (REACTOR_DELAY, MEMORY):
            overloaded.add_metric([name], self._overload.cause == name)
        yield overloaded


class PushCollector(Collector):
    """Users and chatrooms of this node, and what was pushed to them."""

    def __init__(self, pushes: PushNumbers) -> None:
        self._pushes = pushes

    def collect(self) -> Iterator[Metric]:
        pushes, counts = self._pushes, self._pushes.pushed
        yield from _present(pushes.users, pushes.chatrooms)
        yield _counter(
            *("gim_pushes", "Pushes, each counted for every connection it was written to.", "kind"),
            {
                "private": counts.private,
                "chatroom": counts.chatroom,
                "caught_up": counts.caught_up,
                "event": counts.events,
            },
        )
        yield _counter(
            *(
                "gim_pushed_messages",
                "Messages in pushes, each counted for every connection it was written to.",
                "kind",
            ),
            {
                "private": counts.private,
                "chatroom": counts.chatroom_messages,
                "caught_up": counts.caught_up_messages,
            },
        )
        yield _counter(
            *("gim_skipped_messages", "Chatroom messages left out of pushes to connections.", "reason"),
            {"interval": counts.skipped_by_interval, "slow_reader": counts.skipped_by_slow_reader},
        )


class StorageCollector(Collector):
    """Operations of the storage, and how many messages it keeps, if that is known."""

    def __init__(self, times: StorageTimes, stored: Callable[[], int] | None) -> None:
        self._times = times
        self._stored = stored

    def collect(self) -> Iterator[Metric]:
        words = "Time that the storage took, by operation."
        yield _histogram("gim_storage_duration_seconds", words, "operation", self._times.rows)
        errors = {name: self._times.errors[name] for name in self._times.rows}
        words = "Operations that failed because the storage was out of reach, too late, or at fault."
        yield _counter("gim_storage_errors", words, "operation", errors)
        if self._stored is not None:
            yield _stored_messages(self._stored())


class DataCollector(Collector):
    """What the memory store has, where other processes serve its users."""

    def __init__(self, data: DataNumbers) -> None:
        self._data = data

    def collect(self) -> Iterator[Metric]:
        yield from _present(self._data.online_users, self._data.watched_chatrooms)
        yield _stored_messages(self._data.kept_messages)


class ProcessCollector(Collector):
    """The reactor, the garbage collector, the version."""

    def __init__(self, ticks: ReactorTicks, pauses: GcPauses, storage: str) -> None:
        self._ticks = ticks
        self._pauses = pauses
        self._storage = storage

    def collect(self) -> Iterator[Metric]:
        about = {"version": __version__, "storage": self._storage}
        yield InfoMetricFamily("gim", "Version and storage of the running gim.", about)
        ticks = HistogramMetricFamily(
            "python_twisted_reactor_tick_time", "Duration of a reactor iteration, in seconds."
        )
        ticks.add_metric([], buckets(self._ticks.row), total(self._ticks.row))
        yield ticks
        pauses = {str(generation): row for generation, row in enumerate(self._pauses.rows)}
        words = "Time in which Python's garbage collector stopped the process."
        yield _histogram("gim_gc_pause_seconds", words, "generation", pauses)


def _present(users: int, chatrooms: int) -> Iterator[Metric]:
    yield _gauge("gim_users", "Users who are logged in on a connection here.", users)
    words = "Chatrooms with a member connected here, or with a push interval that runs."
    yield _gauge("gim_chatrooms", words, chatrooms)


def _stored_messages(count: int) -> Metric:
    return _gauge("gim_stored_messages", "Messages kept in memory.", count)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value)


def _counter(name: str, words: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, words, labels=[label])
    for word, value in values.items():
        family.add_metric([word], value)
    return family


def _histogram(name: str, words: str, label: str, rows: Mapping[Any, Row]) -> Metric:
    family = HistogramMetricFamily(name, words, labels=[label])
    for word, row in rows.items():
        family.add_metric([word], buckets(row), total(row))
    return family
