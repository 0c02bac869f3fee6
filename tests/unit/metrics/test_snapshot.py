"""The metrics of several processes as records, and their sum."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from prometheus_client import parser
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.registry import Collector
from twisted.trial.unittest import SynchronousTestCase

from gim.metrics.export.page import MetricsPage, written
from gim.metrics.export.snapshot import Family, Total, combined, families_of
from tests.support.world import result_of

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
Values = dict[tuple[str, ...], float]


def counter(name: str, value: float) -> Family:
    return Family(name, "Words.", "counter", [(f"{name}_total", ("op", "1"), value)])


def gauge(name: str, value: float) -> Family:
    return Family(name, "Words.", "gauge", [(name, (), value)])


def values(total: Total) -> Values:
    return {
        (name, *labels): value for family in total.families() for name, labels, value in family.samples
    }


class Everything(Collector):
    """One family of each type."""

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("gim", "What runs.", {"version": "1"})
        counted = CounterMetricFamily(
            "asked", 'Words with "quotes", a \\ and\na line.', labels=["op", "to"]
        )
        counted.add_metric(["1", 'a "b"\\\n'], 3)
        counted.add_metric(["2", ""], 2**40)
        yield counted
        yield GaugeMetricFamily("open", "Open.", True)
        took = HistogramMetricFamily("took_seconds", "Took.", labels=["op"])
        took.add_metric(["1"], [("0.5", 1.0), ("+Inf", 2.0)], 0.75)
        yield took


class RecordTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.page = MetricsPage([Everything()])

    def test_the_page_of_the_records_is_the_page_itself(self) -> None:
        families = msgspec.msgpack.decode(
            msgspec.msgpack.encode(families_of(Everything().collect())), type=list[Family]
        )
        total = Total()
        total.add(families)
        for accept in "", OPENMETRICS:
            self.assertEqual(written(total, accept), written(Everything(), accept))

    def test_a_page_has_the_process_and_python_as_well(self) -> None:
        names = {family.name for family in self.page.snapshot()}
        self.assertLess({"asked", "process_cpu_seconds", "python_info", "python_gc_collections"}, names)
        total = combined(self.page.snapshot(), [self.page.snapshot()])
        text, served = written(total, "").body, result_of(self.page.write("")).body
        for line in served.splitlines():
            if line.startswith(b"#"):
                self.assertIn(line, text.splitlines())
        self.assertGreater(len(list(parser.text_string_to_metric_families(text.decode()))), 10)

    def test_a_sum_can_be_read_as_openmetrics(self) -> None:
        page = written(combined([], [self.page.snapshot(), self.page.snapshot()]), OPENMETRICS)
        self.assertTrue(page.content_type.startswith("application/openmetrics-text; version=1.0.0"))
        families = {
            family.name: family
            for family in openmetrics.text_string_to_metric_families(page.body.decode())
        }
        self.assertEqual([sample.value for sample in families["took_seconds"].samples], [2, 4, 4, 1.5])


class SumTests(SynchronousTestCase):
    def test_counters_gauges_and_buckets_are_added(self) -> None:
        took = Family("took", "", "histogram", [("took_bucket", ("le", "1.0"), 2), ("took_sum", (), 0.5)])
        total = Total()
        for _ in range(3):
            total.add([counter("asked", 2), gauge("open", 1), took])
        self.assertEqual(
            values(total),
            {
                ("asked_total", "op", "1"): 6,
                ("open",): 3,
                ("took_bucket", "le", "1.0"): 6,
                ("took_sum",): 1.5,
            },
        )

    def test_samples_that_only_one_has_are_kept_in_their_family(self) -> None:
        total = Total()
        total.add([counter("asked", 2)])
        total.add([Family("asked", "", "counter", [("asked_total", ("op", "2"), 1)]), gauge("open", 1)])
        self.assertEqual(
            values(total), {("asked_total", "op", "1"): 2, ("asked_total", "op", "2"): 1, ("open",): 1}
        )

    def test_what_all_say_alike_is_said_once(self) -> None:
        info = Family("gim", "", "info", [("gim_info", ("version", "1"), 1)])
        total = combined([info, gauge("gim_overloaded", 0)], [[info], [info, gauge("gim_overloaded", 1)]])
        self.assertEqual(values(total), {("gim_info", "version", "1"): 1, ("gim_overloaded",): 1})

    def test_the_oldest_event_of_all_counts(self) -> None:
        name = "gim_webhook_oldest_event_seconds"
        total = combined([], [[gauge(name, 2.5)], [gauge(name, 7)], [gauge(name, 0)]])
        self.assertEqual(values(total), {(name,): 7})

    def test_all_are_ready_only_if_each_worker_is(self) -> None:
        for worst in 0, 1, 2:
            others = [[gauge("gim_ready", number != worst)] for number in range(3)]
            self.assertEqual(values(combined([], others)), {("gim_ready",): 0})
        self.assertEqual(
            values(combined([], [[gauge("gim_storage_up", 1)]] * 3)), {("gim_storage_up",): 1}
        )
        total = combined([gauge("gim_ready", 0)], [[gauge("gim_ready", 1)], [gauge("gim_ready", 1)]])
        self.assertEqual(values(total), {("gim_ready",): 0})

    def test_what_the_parent_knows_for_all_is_not_added(self) -> None:
        others = [[gauge("process_start_time_seconds", 200.5), gauge("gim_users", 3)] for _ in range(2)]
        total = combined([gauge("process_start_time_seconds", 100.25)], others)
        self.assertEqual(values(total), {("process_start_time_seconds",): 100.25, ("gim_users",): 6})
        total = combined([gauge("gim_users", 4)], others)
        self.assertEqual(values(total)["gim_users",], 4)

    def test_a_sum_is_the_same_in_any_order(self) -> None:
        parts = [[counter("seconds", value)] for value in (0.1, 0.2, 0.3, 1e9, 0.7, 2**52)]
        forward, backward, in_two = Total(), Total(), Total()
        for part in parts:
            forward.add(part)
        for part in reversed(parts):
            backward.add(part)
        in_two.add(parts[0])
        ended = Total()
        for part in parts[1:]:
            ended.add(part)
        in_two.add(ended.families())
        self.assertEqual(values(forward), values(backward))
        self.assertEqual(values(forward), values(in_two))

    def test_large_counts_stay_exact(self) -> None:
        total = Total()
        total.add([counter("pushed", 2**52)])
        total.add([counter("pushed", 1)])
        self.assertEqual(values(total), {("pushed_total", "op", "1"): 2**52 + 1})
