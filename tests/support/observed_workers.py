"""A parent and its workers in one process, each worker on a link in memory."""

from __future__ import annotations

import os

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gim.daemon.build_inspection import make_sampler
from gim.inspection.readings import of_parent
from gim.limits.limits import LimitHits, Limits
from gim.limits.rate_per_second import login_rate
from gim.link.channel import Channel
from gim.metrics.export.snapshot import Family
from gim.profiling.profiler import Profiler
from gim.workers.observing import TO_PARENT, TO_WORKER, Observing, Roster
from gim.workers.overload import ParentOverload
from gim.workers.profiles import ProfileRelay
from gim.workers.rates import NodeReadRate
from gim.workers.samples import ParentSamples
from gim.workers.snapshots import SnapshotCollector
from tests.support.channels import MemoryEnd, connect
from tests.support.clocks import SettableWallClock
from tests.support.settings import no_limits


class ObservedTestCase(SynchronousTestCase):
    """The parent, with limits of the test's choice."""

    limits: Limits = no_limits()

    def setUp(self) -> None:
        self.clock = Clock()
        self.hits = LimitHits(is_enforced=True)
        self.roster = Roster()
        channels, limits = self.roster.channels, self.limits
        self.own: list[Family] = []  # what the parent counts
        self.profiler = Profiler(self.clock, SettableWallClock(self.clock.seconds))
        self.overload = ParentOverload(self.clock, limits.max_reactor_delay, limits.max_memory, channels)
        self.read_rate = NodeReadRate(limits, self.hits, self.clock, channels)
        self.login_rate = login_rate(limits, self.hits, self.clock)
        readings = of_parent(self.hits, self.overload, None, None)
        wall = SettableWallClock(self.clock.seconds)
        self.sampler = make_sampler(readings, "", 0, "redis", self.clock, wall)
        self.snapshots = SnapshotCollector(lambda: self.own, channels)
        self.observing = Observing(
            self.roster,
            self.overload,
            self.read_rate,
            self.login_rate,
            ProfileRelay(self.profiler, channels),
            ParentSamples(self.sampler, channels),
            self.snapshots,
        )
        self.ends: dict[int, MemoryEnd] = {}  # of the workers, by number
        for service in self.overload, self.read_rate, self.login_rate, self.sampler:
            service.startService()
            self.addCleanup(service.stopService)

    def join(self, number: int) -> Channel:
        """Let a worker begin, with the id of this process; return its channel."""
        worker = Channel(TO_WORKER, self.clock, on_end=lambda why: None)
        parent = Channel(TO_PARENT, self.clock, on_end=lambda why: self.observing.gone(number))
        self.ends[number], _ = connect(worker, parent)
        self.observing.spawned(number, os.getpid(), parent)
        self.observing.joined(number, parent)
        return worker

    def turn(self, count: int = 8) -> None:
        """Let iterations of the reactor pass: one for each message of a question and its answer."""
        self.clock.pump([0] * count)

    def kill(self, number: int) -> None:
        """Let a worker end without a word."""
        self.ends[number].abortConnection()
