"""The metrics of health, as families of prometheus_client."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gim.metrics.instruments.health import Health


class HealthCollector(Collector):
    """What the last check of health found."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        yield ready(self._health.is_ready)
        words = "1 if the storage answers."
        yield GaugeMetricFamily("gim_storage_up", words, self._health.is_storage_up)


def ready(is_ready: bool) -> Metric:
    """Return the metric that says whether new clients can be served."""
    return GaugeMetricFamily("gim_ready", "1 if new clients can be served, as /readyz says.", is_ready)
