"""The page for Prometheus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple, Protocol

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from gim.metrics.export.snapshot import Family, families_of


class Page(NamedTuple):
    """A response: its content type and its body."""

    content_type: str
    body: bytes


class PageSource(Protocol):
    """Where the page comes from: this process, or all processes of a daemon."""

    async def write(self, accept: str) -> Page:
        """Return the page in the format that an Accept header prefers: OpenMetrics or plain text.

        Raises `Unavailable` if another process that it needs does not answer.
        """


def written(metrics: Collector, accept: str) -> Page:
    """Return *metrics* in the format that an Accept header prefers: OpenMetrics or plain text."""
    encode, content_type = choose_encoder(accept)
    return Page(content_type, encode(metrics))


async def _nothing() -> None:
    pass


class MetricsPage:
    """Implements `PageSource`: the metrics of the collectors, and those of prometheus_client on process
    and Python."""

    def __init__(
        self, collectors: Iterable[Collector], prepare: Callable[[], Awaitable[None]] = _nothing
    ) -> None:
        """*prepare* finds out what the collectors can't, as it takes time."""
        self._prepare = prepare
        self._registry = CollectorRegistry()
        for collector in collectors:
            self._registry.register(collector)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    async def write(self, accept: str) -> Page:
        await self._prepare()
        return written(self._registry, accept)

    async def prepared_snapshot(self) -> list[Family]:
        """Return the metrics as records, after what takes time."""
        await self._prepare()
        return self.snapshot()

    def snapshot(self) -> list[Family]:
        """Return the metrics as records, without what takes time."""
        return families_of(self._registry.collect())
