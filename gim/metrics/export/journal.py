"""The metrics of the journal, as families of prometheus_client."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from gim.metrics.export.numbers import JournalNumbers
from gim.metrics.instruments.durations import buckets, total


class JournalCollector(Collector):
    """What the journal has written, and how it is doing."""

    def __init__(self, journal: JournalNumbers) -> None:
        self._journal = journal

    def collect(self) -> Iterator[Metric]:
        journal = self._journal
        words = "Bytes written to the journal since the start."
        yield CounterMetricFamily("gim_journal_bytes", words, journal.written_bytes)
        syncs = HistogramMetricFamily(
            "gim_journal_sync_seconds", "Time that the disk took for a sync of the journal."
        )
        syncs.add_metric([], buckets(journal.sync_times), total(journal.sync_times))
        yield syncs
        words = "Bytes written to the journal that no sync has covered yet."
        yield GaugeMetricFamily("gim_journal_unsynced_bytes", words, journal.unsynced_bytes)
        words = "1 while the journal can't be written, so that nothing new is stored."
        yield GaugeMetricFamily("gim_journal_failing", words, journal.is_failing)
        yield GaugeMetricFamily("gim_journal_segments", "Log files of the journal.", journal.segments)
        words = "Bytes that the server may still write to the file system of the data directory."
        yield GaugeMetricFamily("gim_journal_free_bytes", words, journal.free_bytes)
        words = "Share of the bytes of the log files that are of records which still count, 0 to 1."
        yield GaugeMetricFamily("gim_journal_live_ratio", words, journal.live_ratio)
        words = "Damaged places that the start went on without, and damaged log files found later."
        yield CounterMetricFamily("gim_journal_damaged", words, journal.damaged)
        words = "Time that the start took to restore the data."
        yield GaugeMetricFamily("gim_journal_load_seconds", words, journal.load_seconds)
