"""The metrics of all processes, requested from any worker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client import parser
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from twisted.internet.defer import Deferred

from gim.errors import Unavailable
from gim.metrics.export.health import ready
from gim.metrics.export.page import MetricsPage, Page
from gim.metrics.export.snapshot import Family
from gim.metrics.export.workers import ShareCollector, WorkersCollector
from gim.workers.observing import TO_PARENT, TO_WORKER
from gim.workers.snapshots import SNAPSHOT_TIMEOUT, CollectedPage
from tests.support.observed_workers import ObservedTestCase


class Work(Collector):
    """What a worker counts."""

    def __init__(self, done: int) -> None:
        self.done = done

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily("gim_done", "Done.", self.done)
        yield GaugeMetricFamily("gim_open", "Open.", self.done)
        took = HistogramMetricFamily("gim_took_seconds", "Took.")
        took.add_metric([], [("0.5", self.done), ("+Inf", self.done)], self.done / 10)
        yield took
        yield ready(True)


class SnapshotTestCase(ObservedTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.work: dict[int, Work] = {}
        self.pages: dict[int, CollectedPage] = {}
        for number in 1, 2, 3:
            self.begin(number, done=number)

    def begin(self, number: int, done: int) -> None:
        work = self.work[number] = Work(done)
        page = MetricsPage([work, ShareCollector(number, [0] * done)])
        self.pages[number] = CollectedPage(page, self.join(number))

    def asked(self, number: int) -> Deferred[Page]:
        asked = Deferred.fromCoroutine(self.pages[number].write(""))
        self.turn()
        return asked

    def page(self, number: int) -> dict[str, float]:
        """Return the values that a worker serves, by name; of labels only worker and le."""
        return self.values(self.successResultOf(self.asked(number)))

    def values(self, page: Page) -> dict[str, float]:
        return {
            sample.name + "".join(sample.labels.values()): sample.value
            for family in parser.text_string_to_metric_families(page.body.decode())
            for sample in family.samples
        }


class MessageTests(ObservedTestCase):
    def test_each_kind_has_a_number_of_its_own(self) -> None:
        kinds = {*TO_PARENT, *TO_WORKER}
        numbers = [kind.__struct_config__.tag for kind in kinds]
        self.assertEqual(len(set(numbers)), len(kinds))
        self.assertTrue(all(140 <= int(str(number)) < 170 for number in numbers), numbers)


class PageTests(SnapshotTestCase):
    def test_every_worker_answers_for_all(self) -> None:
        self.own = [Family("gim_done", "", "counter", [("gim_done_total", (), 10)])]
        for number in self.pages:
            values = self.page(number)
            self.assertEqual((values["gim_done_total"], values["gim_open"]), (16, 6))
            self.assertEqual(
                (values["gim_took_seconds_bucket0.5"], values["gim_took_seconds_sum"]), (6, 0.6)
            )

    def test_each_worker_has_its_own_share(self) -> None:
        values = self.page(1)
        for number in "123":
            self.assertEqual(values[f"gim_worker_connections{number}"], float(number))
            self.assertGreater(values[f"gim_worker_cpu_seconds_total{number}"], 0)

    def test_the_page_is_as_fresh_as_the_question(self) -> None:
        for done in 5, 7:
            self.work[3].done = done
            self.assertEqual(self.page(1)["gim_done_total"], 1 + 2 + done)

    def test_without_the_parent_there_is_no_page(self) -> None:
        self.kill(1)
        self.failureResultOf(self.asked(1), Unavailable)


class EndTests(SnapshotTestCase):
    def test_counters_go_on_when_a_worker_has_ended(self) -> None:
        before = self.page(1)
        self.kill(3)
        after = self.page(1)
        for name in "gim_done_total", "gim_took_seconds_count", "gim_took_seconds_sum":
            self.assertEqual(after[name], before[name])
        self.assertGreaterEqual(
            after["gim_worker_cpu_seconds_total3"], before["gim_worker_cpu_seconds_total3"]
        )
        self.assertEqual(after["gim_open"], 3)
        self.assertNotIn("gim_worker_connections3", after)

    def test_they_never_fall_while_workers_end_and_begin(self) -> None:
        last: dict[str, float] = {}
        for done in 4, 2, 9:
            for _ in range(2):
                values = self.page(1)
                for name, value in values.items():
                    if name.endswith(("_total", "_count", "_sum")) or "_total" in name:
                        self.assertGreaterEqual(value, last.get(name, 0), name)
                last = values
            self.kill(2)
            self.begin(2, done)
        self.assertEqual(self.page(1)["gim_done_total"], 1 + (2 + 4 + 2 + 9) + 3)

    def test_a_worker_that_nothing_was_collected_from_leaves_nothing(self) -> None:
        self.kill(3)
        self.assertEqual(self.page(1)["gim_done_total"], 3)

    def test_a_worker_that_does_not_answer_counts_with_its_last_numbers(self) -> None:
        self.page(1)
        self.work[2].done = self.work[3].done = 50
        self.ends[3].other.is_stuck = True
        asked = self.asked(1)
        self.clock.advance(SNAPSHOT_TIMEOUT - 0.01)
        self.assertNoResult(asked)
        self.clock.advance(0.01)
        self.turn()
        self.assertEqual(self.values(self.successResultOf(asked))["gim_done_total"], 1 + 50 + 3)

    def test_one_that_does_not_answer_is_not_ready(self) -> None:
        self.assertEqual(self.page(1)["gim_ready"], 1)
        self.ends[3].other.is_stuck = True
        asked = self.asked(1)
        self.clock.advance(SNAPSHOT_TIMEOUT)
        self.turn()
        self.assertEqual(self.values(self.successResultOf(asked))["gim_ready"], 0)
        self.kill(3)
        self.assertEqual(self.page(1)["gim_ready"], 1)

    def test_one_that_ends_during_a_collection_is_counted_once(self) -> None:
        self.page(1)
        self.ends[3].other.is_stuck = True
        asked = self.asked(1)
        self.kill(3)
        self.turn()
        values = self.values(self.successResultOf(asked))
        self.assertEqual((values["gim_done_total"], values["gim_ready"]), (6, 1))

    def test_questions_during_a_collection_share_the_next_one(self) -> None:
        made: list[int] = []
        answer = self.pages[2]._own.prepared_snapshot

        async def counted() -> Any:
            made.append(1)
            return await answer()

        self.patch(self.pages[2]._own, "prepared_snapshot", counted)
        self.ends[3].other.is_stuck = True
        asked = [self.asked(number) for number in (1, 1, 2, 2)]
        self.assertEqual(len(made), 1)
        self.ends[3].other.unstick()
        self.turn()
        for each in asked:
            self.assertEqual(self.values(self.successResultOf(each))["gim_done_total"], 6)
        self.assertEqual(len(made), 2)

    def test_a_fault_of_the_parents_page_is_an_answer_too(self) -> None:
        for _ in range(2):
            self.patch(self.snapshots, "_own", lambda: 1 / 0)
            self.failureResultOf(self.asked(1), Unavailable)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.patch(self.snapshots, "_own", list)
        self.assertEqual(self.page(1)["gim_done_total"], 6)


class RosterTests(SnapshotTestCase):
    def test_workers_restarts_and_what_waits_for_each(self) -> None:
        self.own = MetricsPage([WorkersCollector(self.roster), ShareCollector(0)]).snapshot()
        values = self.page(1)
        self.assertEqual((values["gim_workers"], values["gim_worker_restarts_total"]), (3, 0))
        self.assertEqual(values["gim_worker_queued_bytes3"], 0)
        self.assertGreater(values["gim_worker_cpu_seconds_total0"], 0)
        self.kill(3)
        self.assertEqual((self.roster.running, self.roster.restarts), (2, 0))
        self.begin(3, 0)
        self.assertEqual((self.roster.running, self.roster.restarts), (3, 1))
        self.assertEqual(list(self.roster.queued()), [1, 2, 3])
