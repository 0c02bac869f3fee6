"""The metrics of worker processes, which exist only where there are several."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sized

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gim.metrics.export.numbers import WorkerNumbers


class ShareCollector(Collector):
    """What one process has of the work, by its number: 1 to the number of workers, 0 for their parent."""

    def __init__(self, number: int, connections: Sized | None = None) -> None:
        """*connections* are those of the gateway; None where there is none."""
        self._number = str(number)
        self._connections = connections

    def collect(self) -> Iterator[Metric]:
        words = "CPU time of each worker, user and system; worker 0 is their parent."
        used = CounterMetricFamily("gim_worker_cpu_seconds", words, labels=["worker"])
        used.add_metric([self._number], time.process_time())
        yield used
        if self._connections is not None:
            words = "WebSocket connections of each worker."
            connected = GaugeMetricFamily("gim_worker_connections", words, labels=["worker"])
            connected.add_metric([self._number], len(self._connections))
            yield connected


class WorkersCollector(Collector):
    """What the parent knows of its workers."""

    def __init__(self, workers: WorkerNumbers) -> None:
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        workers = self._workers
        yield GaugeMetricFamily("gim_workers", "Workers that run.", workers.running)
        words = "Workers that were started in place of one that had ended."
        yield CounterMetricFamily("gim_worker_restarts", words, workers.restarts)
        words = "Bytes that wait in the parent for each worker to read them."
        queued = GaugeMetricFamily("gim_worker_queued_bytes", words, labels=["worker"])
        for number, size in workers.queued().items():
            queued.add_metric([str(number)], size)
        yield queued
