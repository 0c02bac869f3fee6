"""Profiles of any process, requested from any worker."""

from __future__ import annotations

import gzip
from itertools import chain
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from gim.concurrency.deadline import ANSWER_TIMEOUT
from gim.errors import Conflict, NotFound, Unavailable
from gim.profiling.profile import Kind, Place, Profile
from gim.profiling.profiler import Profiler
from gim.workers.profiles import PATIENCE, LinkedProfiles, ProfileRelay
from tests.support.clocks import SettableWallClock
from tests.support.observed_workers import ObservedTestCase


class NamedProfiler(Profiler):
    """Makes profiles that hold only the name of a process."""

    def __init__(self, clock: Any, name: str) -> None:
        super().__init__(clock, SettableWallClock(clock.seconds))
        self.made = Profile((Kind("cpu", "nanoseconds"),), {(Place(name, "f.py", 1),): (7,)})
        self.calls: list[tuple[object, ...]] = []
        self.waiting: Deferred[Profile] | None = None

    async def cpu(self, seconds: float) -> Profile:
        if self.waiting is not None:
            raise Conflict("a profile is being made: come back in 9 s")
        self.calls.append(("cpu", seconds))
        self.waiting = Deferred()
        try:
            return await self.waiting
        finally:
            self.waiting = None

    async def memory(self) -> Profile:
        if not self.calls:
            raise Conflict("memory is not being traced: start that first, with PUT")
        return self.made

    def start_tracing(self, seconds: float, frames: int) -> None:
        self.calls.append(("start", seconds, frames))

    def stop_tracing(self) -> None:
        self.calls.append(("stop",))


class ProfilesTestCase(ObservedTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.profilers = [NamedProfiler(self.clock, f"worker {number}") for number in range(4)]
        self.observing._profiles = ProfileRelay(self.profilers[0], self.roster.channels)
        self.at = {number: self.begin(number) for number in (1, 2, 3)}

    def begin(self, number: int) -> LinkedProfiles:
        return LinkedProfiles(self.profilers[number], self.join(number), number, workers=3)

    def asked(self, work: Any) -> Deferred[Any]:
        asked = Deferred.fromCoroutine(work)
        self.turn()
        return asked

    def finish(self, number: int) -> None:
        """End the sampling of a process."""
        profiler = self.profilers[number]
        assert profiler.waiting is not None
        profiler.waiting.callback(profiler.made)
        self.turn()


class CpuTests(ProfilesTestCase):
    def test_any_process_from_any_worker(self) -> None:
        for at, number in (1, 1), (1, 3), (2, 0):
            asked = self.asked(self.at[at].cpu(number, 20, "folded"))
            self.assertNoResult(asked)
            self.finish(number)
            self.assertEqual(self.successResultOf(asked), f"worker {number} 7\n".encode())
            self.assertEqual(self.profilers[number].calls, [("cpu", 20)])

    def test_the_process_that_was_sampled_encodes_it(self) -> None:
        asked = self.asked(self.at[1].cpu(2, 1, "pprof"))
        self.finish(2)
        self.assertIn(b"worker 2", gzip.decompress(self.successResultOf(asked)))

    def test_it_may_take_longer_than_other_answers(self) -> None:
        asked = self.asked(self.at[1].cpu(2, 300, "folded"))
        self.clock.advance(300 + ANSWER_TIMEOUT)
        self.assertNoResult(asked)
        self.finish(2)
        self.successResultOf(asked)
        asked = self.asked(self.at[1].cpu(2, 300, "folded"))
        self.clock.advance(300 + PATIENCE)
        self.failureResultOf(asked, Unavailable)

    def test_one_at_a_time_in_each_process(self) -> None:
        first = self.asked(self.at[1].cpu(2, 20, "folded"))
        refused = self.failureResultOf(self.asked(self.at[3].cpu(2, 20, "folded")), Conflict)
        self.assertIn("come back in 9 s", str(refused.value))
        self.asked(self.at[3].cpu(3, 20, "folded"))
        self.finish(2)
        self.finish(3)
        self.successResultOf(first)

    def test_a_client_that_hangs_up_ends_it(self) -> None:
        for number in 0, 1, 2:
            asked = self.asked(self.at[1].cpu(number, 20, "folded"))
            asked.cancel()
            self.failureResultOf(asked, CancelledError)
            self.turn()
            self.assertIsNone(self.profilers[number].waiting)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_one_that_hangs_up_late_ends_nothing_else(self) -> None:
        first = self.asked(self.at[1].cpu(2, 20, "folded"))
        waiting = self.profilers[2].waiting
        assert waiting is not None
        waiting.callback(self.profilers[2].made)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.asked(self.at[3].cpu(2, 20, "folded"))
        self.assertIsNotNone(self.profilers[2].waiting)

    def test_a_worker_that_ends_takes_its_clients_along(self) -> None:
        asked = [self.asked(self.at[1].cpu(number, 20, "folded")) for number in (2, 0)]
        self.asked(self.at[3].cpu(3, 20, "folded"))
        self.kill(1)
        self.turn()
        for each in asked:
            self.failureResultOf(each, Unavailable)
        waiting = [profiler.waiting is not None for profiler in self.profilers]
        self.assertEqual(waiting, [False, False, False, True])

    def test_a_worker_that_is_started_again_takes_nothing_for_its_own(self) -> None:
        self.ends[2].is_stuck = True  # it hangs
        lost = self.asked(self.at[1].cpu(2, 20, "folded"))
        self.kill(1)
        self.failureResultOf(lost, Unavailable)
        self.at[1] = self.begin(1)
        asked = self.asked(self.at[1].cpu(3, 20, "folded"))
        self.kill(2)
        self.turn()
        self.finish(3)
        self.assertEqual(self.successResultOf(asked), b"worker 3 7\n")

    def test_a_process_that_ends_is_an_answer(self) -> None:
        asked = self.asked(self.at[1].cpu(2, 20, "folded"))
        self.kill(2)
        self.turn()
        self.failureResultOf(asked, Unavailable)


class MemoryTests(ProfilesTestCase):
    def test_start_read_and_stop(self) -> None:
        for number in 0, 1, 3:
            refused = self.failureResultOf(self.asked(self.at[1].memory(number, "folded")), Conflict)
            self.assertIn("with PUT", str(refused.value))
            self.successResultOf(self.asked(self.at[1].start_tracing(number, 60, 3)))
            found = self.successResultOf(self.asked(self.at[2].memory(number, "folded")))
            self.assertEqual(found, f"worker {number} 7\n".encode())
            self.successResultOf(self.asked(self.at[3].stop_tracing(number)))
            self.assertEqual(self.profilers[number].calls, [("start", 60, 3), ("stop",)])


class RefusalTests(ProfilesTestCase):
    def requests(self, number: int) -> list[Deferred[Any]]:
        made = self.at[1]
        return [
            self.asked(made.cpu(number, 1, "folded")),
            self.asked(made.memory(number, "folded")),
            self.asked(made.start_tracing(number, 1, 1)),
            self.asked(made.stop_tracing(number)),
        ]

    def test_numbers_that_no_process_has(self) -> None:
        for asked in chain(self.requests(4), self.requests(-1)):
            self.assertIn("choose one from 0 to 3", str(self.failureResultOf(asked, NotFound).value))

    def test_a_worker_that_is_being_started(self) -> None:
        self.kill(2)
        for asked in self.requests(2):
            self.assertIn("worker 2", str(self.failureResultOf(asked, Unavailable).value))
        self.begin(2)
        asked = self.asked(self.at[1].start_tracing(2, 60, 3))
        self.assertIsNone(self.successResultOf(asked))
