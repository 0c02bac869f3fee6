"""Rates over several workers: logins from an address, and what a user reads."""

from __future__ import annotations

from msgspec.structs import replace
from twisted.internet.defer import Deferred

from gim.errors import TooManyRequests
from gim.limits.limits import LOGIN_RATE, READ_RATE, LimitHits
from gim.limits.read_rate import BURST
from gim.workers.rates import LinkedLoginRate, SharedReadRate
from tests.support.observed_workers import ObservedTestCase
from tests.support.settings import no_limits

LIMIT = 1000


class LoginRateTests(ObservedTestCase):
    limits = replace(no_limits(), max_login_rate=3)

    def setUp(self) -> None:
        super().setUp()
        self.rates = [LinkedLoginRate(self.limits, self.join(number)) for number in (1, 2)]

    def take(self, worker: int, address: str) -> None:
        """Count a login at a worker, or raise."""
        taken = self.rates[worker].take(address)
        assert isinstance(taken, Deferred)
        self.turn()
        self.assertIsNone(self.successResultOf(taken))

    def refused(self, worker: int, address: str) -> str:
        taken = self.rates[worker].take(address)
        assert isinstance(taken, Deferred)
        self.turn()
        return str(self.failureResultOf(taken, TooManyRequests).value)

    def test_all_workers_count_together_and_exactly(self) -> None:
        for worker in 0, 1, 0:
            self.take(worker, "192.0.2.1")
        for worker in 0, 1:
            self.assertIn("more than 3 logins", self.refused(worker, "192.0.2.1"))
        self.take(1, "192.0.2.2")
        self.clock.advance(1)
        self.take(1, "192.0.2.1")
        self.assertEqual(self.hits.counts, {LOGIN_RATE: 2})

    def test_an_unknown_address_costs_no_question(self) -> None:
        before = len(self.ends[1].writes)
        self.assertIsNone(self.rates[0].take(""))
        self.assertEqual(len(self.ends[1].writes), before)

    def test_no_limit_costs_no_question(self) -> None:
        self.assertIsNone(LinkedLoginRate(no_limits(), self.join(3)).take("192.0.2.1"))


class ReadRateTests(ObservedTestCase):
    limits = replace(no_limits(), max_read_rate=LIMIT)
    workers = 4

    def setUp(self) -> None:
        super().setUp()
        self.at = [self.begin(number) for number in range(1, self.workers + 1)]

    def begin(self, number: int) -> SharedReadRate:
        hits = LimitHits(is_enforced=True)
        rate = SharedReadRate(self.limits, hits, self.clock, self.join(number), self.workers)
        rate.startService()
        self.addCleanup(rate.stopService)
        return rate

    def is_refused(self, worker: int, user_id: str) -> bool:
        try:
            self.at[worker].check(user_id)
        except TooManyRequests:
            return True
        return False

    def read(self, user_id: str, portion: int) -> int:
        """Read at all workers in turn until all refuse; return how much was read."""
        total, refused = 0, set[int]()
        while len(refused) < self.workers:
            for worker in range(self.workers):
                if self.is_refused(worker, user_id):
                    refused.add(worker)
                else:
                    self.at[worker].charge(user_id, portion)
                    self.turn(2)
                    total += portion
        return total

    def test_what_a_user_reads_at_all_workers_counts_together(self) -> None:
        for portion in 1, 10, 100, 600:
            user_id = f"u{portion}"
            total = self.read(user_id, portion)
            self.assertGreaterEqual(total, BURST * LIMIT)
            self.assertLessEqual(total, (BURST + 1 / 4) * LIMIT + portion, portion)

    def test_each_second_forgives_the_limit_at_all_workers(self) -> None:
        self.read("ann", 10)
        self.clock.advance(1)
        total = self.read("ann", 10)
        self.assertLessEqual(abs(total - LIMIT), LIMIT / 4 + 10)

    def test_a_user_at_one_worker_reads_as_much_as_with_one_process(self) -> None:
        total = 0
        while not self.is_refused(0, "ann"):
            self.at[0].charge("ann", 7)
            self.turn(2)
            total += 7
        self.assertEqual(total, -(-BURST * LIMIT // 7) * 7)

    def test_others_are_not_refused(self) -> None:
        self.read("ann", 50)
        self.assertFalse(any(self.is_refused(worker, "bob") for worker in range(self.workers)))

    def test_who_reads_little_costs_no_message(self) -> None:
        before = len(self.ends[1].writes)
        for _ in range(5):
            self.at[0].charge("ann", LIMIT // 4 // self.workers - 1)
            self.clock.advance(1)
        self.assertEqual(len(self.ends[1].writes), before)
        self.assertEqual((self.at[0]._unreported, self.at[0]._read), ({}, {}))

    def test_all_workers_learn_of_a_user_once_a_second(self) -> None:
        for _ in range(50):
            self.at[0].charge("ann", 100)
        self.turn()
        self.assertEqual(len(self.ends[2].other.writes), 1)
        self.clock.advance(1)
        self.at[0].charge("ann", 100)
        self.turn()
        self.assertEqual(len(self.ends[2].other.writes), 2)

    def test_a_new_worker_learns_of_a_user_who_still_reads(self) -> None:
        self.read("ann", 50)
        self.kill(4)
        self.at[3] = self.begin(4)
        self.assertFalse(self.is_refused(3, "ann"))
        self.clock.advance(1)
        self.read("ann", 50)
        self.assertTrue(self.is_refused(3, "ann"))

    def test_the_worker_that_refuses_counts_it(self) -> None:
        self.read("ann", 50)
        before = self.at[2]._hits.counts[READ_RATE]
        self.is_refused(2, "ann")
        self.assertEqual(self.at[2]._hits.counts[READ_RATE], before + 1)


class NoReadRateTests(ObservedTestCase):
    def test_without_a_limit_nothing_is_counted(self) -> None:
        rate = SharedReadRate(self.limits, self.hits, self.clock, self.join(1), 2)
        rate.charge("ann", 10**9)
        rate.check("ann")
        self.assertEqual((rate._unreported, rate._read, self.ends[1].writes), ({}, {}, []))
