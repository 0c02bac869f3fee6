"""A store whose logs go and are written again, against the model of a store."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from gim.journal import pace
from gim.storage.durable import ledger, restore, settle, state, tidying, upkeep
from tests.support.journal.upkeep import Crashing, KeptStore
from tests.unit.storage.durable.test_model import JournalMachine

SEGMENT_SIZE = 700  # bytes: two or three messages
STEPS_OF_A_LONG_LIFE = 10**9


class KeptMachine(JournalMachine):
    """Takes the steps while checkpoints are made and logs are tidied, and in the middle of that."""

    process: KeptStore

    def start(self) -> None:
        self.threads = Crashing(STEPS_OF_A_LONG_LIFE)
        self.process = KeptStore(
            self.path, self.clock, self.threads, segment_size=SEGMENT_SIZE, **self.limits
        )
        self.store = self.process.store
        self.checkpoint = None
        assert self.process.restored.problems == []

    @rule()
    def begin_checkpoint(self) -> None:
        """Begin another log, which a checkpoint follows."""
        self.process.journal.roll()

    @rule(steps=st.integers(1, 40))
    def go_on_with_checkpoint(self, steps: int) -> None:
        """Let what is under way go on."""
        for _ in range(steps):
            self.wait(pace.MIN_PAUSE)

    @rule(seconds=st.sampled_from([1.0, 2.0]))
    def tidy(self, seconds: float) -> None:
        """Let the upkeep look for something to do, and do all of it."""
        self.wait(seconds)
        self.go_on_with_checkpoint(200)

    @rule(jobs=st.integers(0, 9), by=st.sampled_from([0.125, 1.0]))
    def crash(self, jobs: int, by: float) -> None:
        """End the process after it did some more to files."""
        self.threads.left = jobs
        self.tidy(by)
        self.restart(killed=True, by=0.0)

    @rule(killed=st.booleans(), by=st.sampled_from([0.125, 1.0, 6.0]))
    def restart(self, killed: bool, by: float) -> None:
        if killed:
            self.threads.left = 0
        super().restart(killed, by)
        self.wait(0.002)  # ids go on a millisecond after the last one, which the upkeep made just now


class UpkeepModelTests(SynchronousTestCase):
    def test_a_store_whose_logs_are_tidied_answers_like_the_model(self) -> None:
        """Everything comes in portions of two, and what must leave the disk leaves it at once."""
        self.patch(state, "PORTION", 2)
        self.patch(state, "ROOMS_OF_PORTION", 1)
        self.patch(restore, "AT_ONCE", 2)
        self.patch(settle, "AT_ONCE", 2)
        self.patch(pace, "STEP", 0.0)
        self.patch(ledger, "ERASE_AFTER", 0.0)
        self.patch(ledger, "ERASE_AFTER_START", 0.0)
        self.patch(upkeep, "TIDY_INTERVAL", 1.0)
        self.patch(tidying, "SPARE_SEGMENTS", 0.0)
        try:
            run_state_machine_as_test(KeptMachine, settings=settings(stateful_step_count=50))
        except Exception as error:
            print(*getattr(error, "__notes__", []), sep="\n")  # the steps: trial leaves them out
            raise
