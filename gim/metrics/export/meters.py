"""All meters of a daemon: the instruments that its parts use, and the page that shows them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from prometheus_client.registry import Collector
from twisted.application.service import Service

from gim.limits.limits import LimitHits
from gim.limits.overload import Overload
from gim.metrics.export.collector import (
    DataCollector,
    GatewayCollector,
    LimitCollector,
    ProcessCollector,
    PushCollector,
    RequestCollector,
    StorageCollector,
)
from gim.metrics.export.health import HealthCollector
from gim.metrics.export.journal import JournalCollector
from gim.metrics.export.numbers import (
    DataNumbers,
    GatewayNumbers,
    JournalNumbers,
    PushNumbers,
    WebhookNumbers,
    WorkerNumbers,
)
from gim.metrics.export.page import MetricsPage
from gim.metrics.export.webhooks import WebhookCollector
from gim.metrics.export.workers import ShareCollector, WorkersCollector
from gim.metrics.instruments.health import Health
from gim.metrics.instruments.pauses import GcPauses
from gim.metrics.instruments.requests import RequestMetrics
from gim.metrics.instruments.sampling import RequestSampling
from gim.metrics.instruments.ticks import ReactorTicks
from gim.metrics.instruments.timed_storage import SampledAppends, StorageTimes, TimedStorage
from gim.storage.interface import Storage


class ProcessMeters:
    """What measures the process itself: its reactor and its garbage collector."""

    def __init__(self, reactor: Any) -> None:
        self._ticks = ReactorTicks(reactor)
        self._pauses = GcPauses()

    @property
    def services(self) -> tuple[Service, ...]:
        """The services that measure while they run."""
        return self._ticks, self._pauses

    def collector(self, storage: str) -> Collector:
        """Return what shows the measurements; *storage* is the kind of the daemon's storage."""
        return ProcessCollector(self._ticks, self._pauses, storage)


class ParentMeters:
    """The instruments of the parent of worker processes."""

    def __init__(self, reactor: Any) -> None:
        self._process = ProcessMeters(reactor)

    @property
    def services(self) -> tuple[Service, ...]:
        """The services that measure while they run."""
        return self._process.services

    def page(
        self,
        workers: WorkerNumbers,
        storage: str,
        data: DataNumbers | None,
        hits: LimitHits,
        overload: Overload,
        webhooks: WebhookNumbers | None = None,
        journal: JournalNumbers | None = None,
    ) -> MetricsPage:
        """Return the parent's part of the page. *storage* is its kind; *data* is None if another process
        has it; without *webhooks* or *journal* the page has no metrics of them."""
        return MetricsPage(
            [
                *([WebhookCollector(webhooks)] if webhooks is not None else ()),
                *([JournalCollector(journal)] if journal is not None else ()),
                *([DataCollector(data)] if data is not None else ()),
                ShareCollector(0),
                WorkersCollector(workers),
                LimitCollector(hits, overload),
                self._process.collector(storage),
            ]
        )


class Meters:
    """The instruments of a daemon; made first, as its parts count with them."""

    def __init__(self, reactor: Any, ops: Collection[int], http_ops: Collection[str]) -> None:
        self.requests = RequestMetrics(ops, none=0, success=0)
        self.http_requests = RequestMetrics(http_ops, none="none", success=200)
        self.storage = StorageTimes()
        self.sampling = RequestSampling(self.requests, reactor)
        self._process = ProcessMeters(reactor)

    def measured(self, store: Storage, all_appends: bool) -> Storage:
        """Return *store* with its operations timed; its appends only in samples, unless *all_appends*."""
        if all_appends:
            return TimedStorage(store, self.storage)
        sampled = SampledAppends(store, self.storage)
        self.sampling.others = sampled.sample
        return sampled

    @property
    def services(self) -> tuple[Service, ...]:
        """The services that measure while they run."""
        return self.sampling, *self._process.services

    def page(
        self,
        gateway: GatewayNumbers,
        pushes: PushNumbers,
        storage: str,
        stored: Callable[[], int] | None,
        hits: LimitHits,
        overload: Overload,
        health: Health,
        webhooks: WebhookNumbers | None = None,
        worker: int | None = None,
        journal: JournalNumbers | None = None,
    ) -> MetricsPage:
        """Return the page of a daemon. *storage* is its kind; *stored* returns how many messages it has,
        None if that is unknown; without *webhooks* or *journal* the page has no metrics of them; *worker*
        is this process's number, None if it is the only one."""
        return MetricsPage(
            [
                *([WebhookCollector(webhooks)] if webhooks is not None else ()),
                *([JournalCollector(journal)] if journal is not None else ()),
                *([ShareCollector(worker, gateway.connections)] if worker is not None else ()),
                HealthCollector(health),
                GatewayCollector(gateway),
                LimitCollector(hits, overload),
                RequestCollector("gim", "WebSocket", self.requests),
                RequestCollector("gim_http", "HTTP", self.http_requests),
                PushCollector(pushes),
                StorageCollector(self.storage, stored),
                self._process.collector(storage),
            ],
            health.check,
        )
