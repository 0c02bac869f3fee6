"""The metrics of webhooks, as families of prometheus_client."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from gim.metrics.export.numbers import WebhookNumbers
from gim.metrics.instruments.durations import buckets, total


class WebhookCollector(Collector):
    """Events that wait, were delivered or dropped, and the attempts."""

    def __init__(self, webhooks: WebhookNumbers) -> None:
        self._webhooks = webhooks

    def collect(self) -> Iterator[Metric]:
        counts = self._webhooks.counts
        words = "Events that wait for their delivery or are being delivered."
        yield GaugeMetricFamily("gim_webhook_queued_events", words, counts.queued)
        words = "Time since the oldest event happened that waits, 0 if none does."
        age = self._webhooks.oldest_age()
        yield GaugeMetricFamily("gim_webhook_oldest_event_seconds", words, age)
        delivered = CounterMetricFamily(
            "gim_webhook_delivered", "Events that the receiver accepted.", labels=["event"]
        )
        for event, times in counts.delivered.items():
            delivered.add_metric([event], times)
        yield delivered
        yield CounterMetricFamily(
            "gim_webhook_retries", "Attempts after the first one of each event.", counts.retries
        )
        dropped = CounterMetricFamily(
            "gim_webhook_dropped", "Events that were not delivered, by reason.", labels=["reason"]
        )
        for reason, times in counts.dropped.items():
            dropped.add_metric([reason], times)
        yield dropped
        durations = HistogramMetricFamily(
            "gim_webhook_duration_seconds", "Duration of an attempt to deliver an event."
        )
        durations.add_metric([], buckets(counts.attempts), total(counts.attempts))
        yield durations
