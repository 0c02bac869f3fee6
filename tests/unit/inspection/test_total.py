"""What several processes have and do together."""

from __future__ import annotations

from array import array
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gim.inspection.ring import Columns, Ring
from gim.inspection.samples import NodeSample
from gim.inspection.total import Part, TotalColumns, counted_once, total_of


def sample(node: str, worker: int = 0, **fields: Any) -> NodeSample:
    return NodeSample(
        at=5, node=node, worker=worker, version="1", started_at=1, storage="memory", **fields
    )


def columns(**values: list[float | None]) -> Columns:
    """Return samples that were taken in seconds 1, 2, …; None for a second without one."""
    ring = Ring(10)
    (length,) = {len(each) for each in values.values()}
    for place in range(length):
        row = {name: each[place] for name, each in values.items()}
        if None not in row.values():
            ring.add(1000 * (place + 1) + 300, row)  # type: ignore[arg-type]
    return ring.columns()


class TotalTests(SynchronousTestCase):
    def test_amounts_and_rates_are_added_and_the_worst_counts_of_the_rest(self) -> None:
        total = total_of(
            [
                (sample("a", connections=3, requests=1.5, reactor_delay_ms=2.0, ready=True), ""),
                (sample("b", connections=4, requests=0.5, reactor_delay_ms=9.0, ready=False), ""),
                (sample("c", refusals={"max-send-rate": 2.0}), ""),
                (sample("d", refusals={"max-send-rate": 1.0, "max-memory": 1.0}), ""),
            ],
            at=7,
        )
        self.assertEqual((total.at, total.connections, total.requests), (7, 7, 2.0))
        self.assertEqual((total.reactor_delay_ms, total.ready), (9.0, False))
        self.assertEqual(total.refusals, {"max-send-rate": 3.0, "max-memory": 1.0})

    def test_what_no_process_knows_is_not_known(self) -> None:
        total = total_of([(sample("a"), ""), (sample("b", users=1), "")], at=7)
        self.assertEqual((total.connections, total.users), (None, 1))

    def test_a_user_at_two_workers_counts_once(self) -> None:
        total = total_of(
            [
                (sample("a", 0, users=5, chatrooms=2, messages=9, cpu=0.1), ""),  # the parent
                (sample("a", 1, users=4, chatrooms=2, cpu=0.2), ""),
                (sample("a", 2, users=3, chatrooms=1, cpu=0.3), ""),
                (sample("b", 0, users=1, chatrooms=1, messages=1, cpu=0.1), ""),
            ],
            at=7,
        )
        self.assertEqual((total.users, total.chatrooms, total.messages), (6, 3, 10))
        self.assertEqual(total.cpu, 0.7)

    def test_a_parent_that_does_not_know_leaves_it_to_the_workers(self) -> None:
        total = total_of([(sample("a", 0), ""), (sample("a", 1, users=4), "")], at=7)
        self.assertEqual(total.users, 4)

    def test_a_network_counts_once(self) -> None:
        traffic: dict[str, Any] = {"bytes_in": 5.0, "bytes_out": 7.0}
        total = total_of(
            [
                (sample("a", **traffic), "x"),
                (sample("b", **traffic), "x"),
                (sample("c", **traffic), "y"),
                (sample("d", **traffic), ""),  # unknown networks are different ones
                (sample("e", **traffic), ""),
            ],
            at=7,
        )
        self.assertEqual((total.bytes_in, total.bytes_out), (20.0, 28.0))


class HistoryTests(SynchronousTestCase):
    def total(self, *processes: Columns, size: int = 10) -> list[tuple[int, Any]]:
        total = TotalColumns([array("d", each.at) for each in processes], 1000, size)
        for each in processes:
            total.add(each, frozenset(each.values))
        (name,) = {name for each in processes for name in each.values}
        return [(each.at, getattr(each, name)) for each in total.samples()]

    def test_samples_of_a_second_are_added(self) -> None:
        first, second = columns(cpu=[0.25, 0.5, 1.0]), columns(cpu=[1.0, 2.0, 3.0])
        self.assertEqual(self.total(first, second), [(2000, 1.25), (3000, 2.5), (4000, 4.0)])
        self.assertEqual(self.total(first, second, size=2), [(3000, 2.5), (4000, 4.0)])

    def test_where_one_is_missing_the_one_before_counts_and_no_older_one(self) -> None:
        first, second = columns(users=[1, 1, 1, 1]), columns(users=[2, None, None, 4])
        self.assertEqual(self.total(first, second), [(2000, 3), (3000, 3), (4000, 1), (5000, 5)])

    def test_a_process_that_began_later_does_not_count_before(self) -> None:
        first, second = columns(users=[1, 1]), columns(users=[None, 5])
        self.assertEqual(self.total(first, second), [(2000, 1), (3000, 6)])

    def test_delays_and_states(self) -> None:
        first, second = columns(send_p99_ms=[1.0, 9.0]), columns(send_p99_ms=[None, 2.0])
        self.assertEqual(self.total(first, second), [(2000, 1.0), (3000, 9.0)])
        first, second = columns(ready=[1.0, 1.0]), columns(ready=[0.0, 1.0])
        self.assertEqual(self.total(first, second), [(2000, False), (3000, True)])

    def test_refusals(self) -> None:
        first = Ring(3)
        first.add(1000, {"refusals.max-send-rate": 2.0, "cpu": 1.0})
        first.add(2000, {"cpu": 1.0})
        total = TotalColumns([array("d", first.columns().at)], 1000, 10)
        total.add(first.columns(), frozenset(first.columns().values))
        self.assertEqual([each.refusals for each in total.samples()], [{"max-send-rate": 2.0}, {}])

    def test_nothing(self) -> None:
        self.assertEqual(TotalColumns([], 1000, 10).samples(), [])


class CountedOnceTests(SynchronousTestCase):
    def test_each_process_has_what_counts_of_it(self) -> None:
        known = frozenset({"users", "cpu", "bytes_in", "bytes_out"})
        parts = [Part("a", 0, "x", known), Part("a", 1, "x", known), Part("b", 2, "x", known)]
        self.assertEqual(
            list(counted_once(parts)), [known, frozenset({"cpu"}), frozenset({"users", "cpu"})]
        )
