"""All meters of a daemon: what is handed to its parts, and the page that tells of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, cast

from twisted.application.service import Service

from gim.gateway.factory import GatewayFactory
from gim.limits.overload import Overload
from gim.metrics.export.collector import (
    GatewayCollector,
    LimitCollector,
    ProcessCollector,
    PushCollector,
    RequestCollector,
    StorageCollector,
)
from gim.metrics.export.page import MetricsPage
from gim.metrics.export.webhooks import WebhookCollector
from gim.metrics.instruments.pauses import GcPauses
from gim.metrics.instruments.requests import RequestMetrics
from gim.metrics.instruments.sampling import RequestSampling
from gim.metrics.instruments.ticks import ReactorTicks
from gim.metrics.instruments.timed_storage import SampledAppends, StorageTimes, TimedStorage
from gim.push.dispatcher import PushDispatcher
from gim.storage.interface import Storage
from gim.webhooks.counts import WebhookCounts


class Meters:
    """Made before the parts that count with them."""

    def __init__(self, reactor: Any, ops: Collection[int], http_ops: Collection[str]) -> None:
        self.requests = RequestMetrics(ops, none=0, success=0)
        self.http_requests = RequestMetrics(http_ops, none="none", success=200)
        self.storage = StorageTimes()
        self.sampling = RequestSampling(self.requests, reactor)
        self._ticks = ReactorTicks(reactor)
        self._pauses = GcPauses()

    def measured(self, store: Storage, all_appends: bool) -> Storage:
        """Return a storage that does what *store* does and is measured, its appends in samples only
        unless *all_appends* is true."""
        if all_appends:
            return cast(Storage, TimedStorage(store, self.storage))
        sampled = SampledAppends(store, self.storage)
        self.sampling.others = sampled.sample
        return cast(Storage, sampled)

    @property
    def services(self) -> tuple[Service, ...]:
        """What must run for all to be measured."""
        return self.sampling, self._ticks, self._pauses

    def page(
        self,
        gateway: GatewayFactory,
        pushes: PushDispatcher,
        storage: str,
        stored: Callable[[], int] | None,
        overload: Overload,
        told: WebhookCounts | None = None,
    ) -> MetricsPage:
        """Return the page of a daemon; *stored* counts the messages kept, where that is known, and *told*
        the webhooks, where there are any."""
        return MetricsPage(
            [
                *([WebhookCollector(told)] if told is not None else ()),
                GatewayCollector(gateway),
                LimitCollector(gateway.limits, overload),
                RequestCollector("gim", "WebSocket", self.requests),
                RequestCollector("gim_http", "HTTP", self.http_requests),
                PushCollector(pushes),
                StorageCollector(self.storage, stored),
                ProcessCollector(self._ticks, self._pauses, storage),
            ]
        )
