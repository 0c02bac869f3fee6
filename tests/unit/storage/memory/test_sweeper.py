from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.storage.memory.sweeper import ENTRIES_PER_TURN, SWEEP_INTERVAL, Sweeper


class SweeperTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.left = 0
        self.calls: list[int] = []
        self.sweeper = Sweeper(self.sweep, self.clock)
        self.sweeper.startService()
        self.addCleanup(lambda: self.sweeper.running and self.sweeper.stopService())

    def sweep(self, limit: int) -> bool:
        self.calls.append(limit)
        if self.left < 0:
            raise ZeroDivisionError
        self.left = max(0, self.left - limit)
        return self.left > 0

    def test_it_sweeps_once_in_a_while(self) -> None:
        self.clock.pump([SWEEP_INTERVAL] * 3)
        self.assertEqual(self.calls, [ENTRIES_PER_TURN] * 3)

    def test_while_more_waits_it_goes_on_in_the_next_turn(self) -> None:
        self.left = 3 * ENTRIES_PER_TURN
        self.clock.advance(SWEEP_INTERVAL)
        self.assertEqual(self.left, 0)
        self.assertEqual(len(self.calls), 3)

    def test_a_failure_is_logged_and_does_not_end_it(self) -> None:
        self.left = -1
        self.clock.pump([SWEEP_INTERVAL] * 2)
        self.assertEqual(len(self.calls), 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_stopping_waits_for_its_end(self) -> None:
        stopped = self.sweeper.stopService()
        assert stopped is not None
        self.successResultOf(stopped)
        self.clock.advance(10 * SWEEP_INTERVAL)
        self.assertEqual(self.calls, [])
