"""The page for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry


class Page(NamedTuple):
    """A response: its content type and its body."""

    content_type: str
    body: bytes


class MetricsPage:
    """Writes the metrics of the collectors, and those of prometheus_client on process and Python."""

    def __init__(self, collectors: Iterable[Collector]) -> None:
        self._registry = CollectorRegistry()
        for collector in collectors:
            self._registry.register(collector)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def write(self, accept: str) -> Page:
        """Return the page in the format that an Accept header prefers: OpenMetrics or plain text."""
        encode, content_type = choose_encoder(accept)
        return Page(content_type, encode(self._registry))
