"""The model of workers on many cores agrees with what can be calculated by hand."""

from __future__ import annotations

from msgspec.structs import replace
from twisted.trial.unittest import SynchronousTestCase

from bench.model.bounds import Fanout, bound
from bench.model.costs import Costs
from bench.model.fit import least_squares
from bench.model.messages import Found, Setup, simulate

COSTS = Costs(
    turn=0.0,
    socket=0.0,
    alone_message=20.0,
    message=25.0,
    parent_turn=0.0,
    parent_channel=0.0,
    parent_message=5.0,
    generator=10.0,
)


def run(cores: int, workers: int, costs: Costs = COSTS) -> Found:
    return simulate(Setup(cores, workers, 400, 1, local_clients=False, seconds=0.1), costs)


class SimulationTests(SynchronousTestCase):
    def test_one_process_is_limited_by_one_core(self) -> None:
        self.assertApproximates(run(8, 1).per_s, 50_000, 2_000)

    def test_few_cores_are_shared_by_workers_and_parent(self) -> None:
        found = run(2, 2)
        self.assertApproximates(found.per_s, 2 / 30e-6, 4_000)
        self.assertApproximates(found.parent_us, 5.0, 0.2)

    def test_the_parent_limits_many_workers(self) -> None:
        found = run(32, 32)
        self.assertApproximates(found.per_s, 200_000, 10_000)
        self.assertGreater(found.parent_share, 0.95)

    def test_messages_that_share_a_turn_share_its_cost(self) -> None:
        found = run(8, 1, replace(COSTS, turn=1000.0))
        self.assertLess(found.workers_us, 30.0)

    def test_a_local_generator_takes_part_of_the_cores(self) -> None:
        setup = Setup(2, 2, 100, 1, local_clients=True, seconds=0.1)
        self.assertApproximates(simulate(setup, COSTS).per_s, 2 / 40e-6, 3_000)


class BoundTests(SynchronousTestCase):
    def test_it_names_what_limits(self) -> None:
        self.assertEqual(bound(64, 64, 10.0, 100.0).limit, "parent")
        self.assertEqual(bound(4, 4, 10.0, 100.0).limit, "cores")
        self.assertEqual(bound(4, 2, 10.0, 100.0).limit, "workers")

    def test_a_chatroom_costs_the_parent_a_channel_for_each_worker_with_members(self) -> None:
        costs = Fanout(parent_us=20.0, channel_us=10.0, frame_us=5.0)
        self.assertEqual(costs.bound(64, 64, 2).per_s, 1e6 / 40)
        self.assertEqual(costs.bound(64, 64, 1000).per_s, 1e6 / 660)


class FitTests(SynchronousTestCase):
    def test_factors_are_found(self) -> None:
        rows = [([1.0, 2.0], 8.0), ([1.0, 4.0], 14.0), ([3.0, 1.0], 9.0)]
        for found, expected in zip(least_squares(rows), (2.0, 3.0), strict=True):
            self.assertApproximates(found, expected, 1e-3)

    def test_no_factor_is_below_zero(self) -> None:
        self.assertEqual(least_squares([([1.0, 1.0], 2.0), ([1.0, 2.0], 1.0)])[1], 0.0)
