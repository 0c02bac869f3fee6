"""Whether a process can serve, as the page of metrics says it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client.registry import Collector
from twisted.internet.defer import Deferred

from gim.errors import NotReady, Unavailable
from gim.metrics.export.health import HealthCollector
from gim.metrics.export.page import MetricsPage
from gim.metrics.instruments.health import PING_TIMEOUT, Health
from gim.workers.snapshots import SNAPSHOT_TIMEOUT
from tests.support.world import ChatTestCase, result_of


class HealthTests(ChatTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.health = Health(self.store, self.chat.check_serving, self.clock)
        self.page = MetricsPage([HealthCollector(self.health)], self.health.check)

    def values(self, page: str) -> tuple[str, str]:
        """Return the values of gim_ready and gim_storage_up."""
        lines = dict(line.split(" ") for line in page.splitlines() if line.startswith("gim_"))
        return lines["gim_ready"], lines["gim_storage_up"]

    def served(self) -> tuple[str, str]:
        return self.values(result_of(self.page.write("")).body.decode())

    def answer_pings_by(self, ping: Callable[[], Awaitable[Any]]) -> None:
        self.patch(self.store, "ping", ping)

    def test_it_serves(self) -> None:
        self.assertEqual(self.served(), ("1.0", "1.0"))

    def test_the_page_is_as_fresh_as_the_question(self) -> None:
        async def broken() -> None:
            raise Unavailable("the storage can't be reached")

        working = self.store.ping
        self.answer_pings_by(broken)
        self.assertEqual(self.served(), ("0.0", "0.0"))
        self.answer_pings_by(working)
        self.assertEqual(self.served(), ("1.0", "1.0"))

    def test_a_storage_that_answers_late_is_down(self) -> None:
        async def frozen() -> None:
            await Deferred()

        self.answer_pings_by(frozen)
        page = Deferred.fromCoroutine(self.page.write(""))
        self.clock.advance(PING_TIMEOUT - 0.01)
        self.assertNoResult(page)
        self.clock.pump([0.01, 0.0])
        self.assertEqual(self.values(self.successResultOf(page).body.decode()), ("0.0", "0.0"))

    def test_a_worker_knows_before_the_parent_stops_waiting(self) -> None:
        self.assertLess(PING_TIMEOUT, SNAPSHOT_TIMEOUT)

    def test_while_it_stops_the_storage_is_up_but_no_client_is_served(self) -> None:
        self.chat.drain()
        self.assertEqual(self.served(), ("0.0", "1.0"))

    def test_an_overloaded_one_is_not_ready(self) -> None:
        self.patch(self.chat, "_is_overloaded", lambda: True)
        with self.assertRaises(NotReady):
            self.chat.check_serving()
        self.assertEqual(self.served(), ("0.0", "1.0"))

    def test_a_worker_is_asked_as_freshly(self) -> None:
        self.chat.drain()
        families = {family.name: family for family in result_of(self.page.prepared_snapshot())}
        self.assertEqual(families["gim_ready"].samples, [("gim_ready", (), 0.0)])
        self.assertEqual(families["gim_storage_up"].samples, [("gim_storage_up", (), 1.0)])

    def test_nothing_is_up_before_it_was_looked_for(self) -> None:
        collector: Collector = HealthCollector(Health(self.store, self.chat.check_serving, self.clock))
        samples = [sample.value for metric in collector.collect() for sample in metric.samples]
        self.assertEqual(samples, [False, False])
