"""Profiles on demand: one at a time, for a bounded time, and only while the daemon runs."""

from __future__ import annotations

import tracemalloc

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gim.concurrency.clocks import WallClock
from gim.errors import Conflict
from gim.log.logger import Logger
from gim.profiling import heap
from gim.profiling.profile import Profile
from gim.profiling.sampler import Sampler


class Profiler(Service):
    """Makes profiles of this process. When the service stops, a profile under way ends at once."""

    name = "profiler"
    _log = Logger()

    def __init__(self, clock: IReactorTime, wall: WallClock) -> None:
        self._clock = clock
        self._wall = wall
        self._sampling: Deferred[None] | None = None  # fires when the CPU profile under way ends
        self._ends_at = 0.0
        self._tracing: IDelayedCall | None = None  # the end of the tracing of memory
        self._counting = False

    def stopService(self) -> None:
        super().stopService()
        if self._sampling is not None:
            self._sampling.callback(None)
        if self._tracing is not None:
            self.stop_tracing()

    async def cpu(self, seconds: float) -> Profile:
        """Sample the CPU for some seconds. Raises `Conflict` while another profile is made.

        A cancellation ends the sampling.
        """
        if self._sampling is not None:
            left = self._ends_at - self._clock.seconds()
            raise Conflict(f"a profile is being made: come back in {max(left, 0):.0f} s")
        sampler = Sampler(self._wall)
        sampler.start()
        self._log.info("sampling the CPU for {seconds} s", seconds=seconds)
        try:
            await self._until_over(seconds)
        finally:
            self._sampling = None
            profile = sampler.stop()
        return profile

    def _until_over(self, seconds: float) -> Deferred[None]:
        over = self._sampling = Deferred()
        self._ends_at = self._clock.seconds() + seconds
        timer = self._clock.callLater(seconds, over.callback, None)

        def end(result: object) -> object:
            if timer.active():
                timer.cancel()
            return result

        return over.addBoth(end)

    # memory

    @property
    def is_tracing(self) -> bool:
        """Whether memory is being traced, so that `memory` has a profile."""
        return tracemalloc.is_tracing()

    def start_tracing(self, seconds: float, frames: int) -> None:
        """Trace memory with *frames* lines of each stack until `stop_tracing`, *seconds* at most.

        Raises `Conflict` if it is traced already.
        """
        if self.is_tracing:
            raise Conflict("memory is being traced: stop that first, with DELETE")
        heap.trace(frames)
        self._tracing = self._clock.callLater(seconds, self.stop_tracing)
        self._log.warn(
            "tracing memory for {seconds} s at most: the process is slow meanwhile", seconds=seconds
        )

    def stop_tracing(self) -> None:
        """Stop tracing, and drop the records. Does nothing if memory is not being traced."""
        timer, self._tracing = self._tracing, None
        if timer is not None and timer.active():
            timer.cancel()
        if self.is_tracing:
            tracemalloc.stop()
            self._log.info("memory is not traced any more")

    async def memory(self) -> Profile:
        """Return the blocks allocated since the tracing began that are alive, or raise `Conflict`."""
        if not self.is_tracing:
            raise Conflict("memory is not being traced: start that first, with PUT")
        if self._counting:
            raise Conflict("a profile of memory is being made: come back in a moment")
        self._counting = True
        try:
            return await heap.traced(self._clock, self._wall.now_ms())
        finally:
            self._counting = False
