"""The clock is set between two runs: which requests are still known to have an answer."""

from __future__ import annotations

import os

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.storage.rules import REQUEST_ID_WINDOW
from tests.support.clocks import DAY, SettableWallClock
from tests.support.journal.stores import JournalledStore
from tests.support.storage_behaviour.base import private
from tests.support.world import result_of

YEAR = 365 * DAY


class ClockBetweenRunsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = self.mktemp()
        os.makedirs(self.path)
        self.clock = Clock()
        self.clock.advance(2 * YEAR)
        self.wall = SettableWallClock(self.clock.seconds)
        self.start()

    def start(self) -> None:
        self.process = JournalledStore(self.path, self.clock, self.wall)

    def restart(self) -> None:
        self.process.kill()
        self.start()

    def tearDown(self) -> None:
        self.process.kill()

    def send(self, request_id: str) -> str:
        """Send with a request_id; return the id of the message."""
        draft = private("ann", "bob", request_id, request_id=request_id)
        sent = result_of(self.process.store.messages.append(draft))
        return str(sent.id)

    def test_a_clock_that_was_ahead_for_a_while_lets_no_answer_be_forgotten(self) -> None:
        first = self.send("first")
        self.wall.step(31 * DAY)
        ahead = self.send("ahead")
        self.wall.step(-31 * DAY)
        self.restart()
        self.assertEqual((self.send("first"), self.send("ahead")), (first, ahead))
        self.clock.advance(REQUEST_ID_WINDOW + 1)
        self.assertNotEqual(self.send("first"), first)

    def test_after_a_clock_was_set_back_the_window_ends_with_the_last_message(self) -> None:
        old = self.send("old")
        self.clock.advance(REQUEST_ID_WINDOW + 1)
        young = self.send("young")
        self.wall.step(-YEAR)
        self.restart()
        self.assertEqual(self.send("young"), young)
        self.assertNotEqual(self.send("old"), old)
