"""What the parent does for the metrics, profiles, rates and overload of its workers."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gim.limits.rate_per_second import RatePerSecond
from gim.link.channel import Channel
from gim.workers.overload import OverloadCause, ParentOverload
from gim.workers.profiles import REQUESTS, EndSampling, ProfileRelay
from gim.workers.rates import HasRead, HasReadTooMuch, LoginQuestion, NodeReadRate, serve_logins
from gim.workers.samples import ParentHistoryQuestion, ParentSampleQuestion, ParentSamples
from gim.workers.snapshots import PageQuestion, SnapshotCollector, SnapshotQuestion

Kinds = tuple[type[Struct], ...]

# The messages of these parts that come in, for `gim.link.channel.Channel`.
TO_PARENT: Final[Kinds] = (
    PageQuestion,
    *REQUESTS,
    EndSampling,
    LoginQuestion,
    HasRead,
    ParentSampleQuestion,
    ParentHistoryQuestion,
)
TO_WORKER: Final[Kinds] = (
    SnapshotQuestion,
    *REQUESTS,
    EndSampling,
    HasReadTooMuch,
    OverloadCause,
)


class Roster:
    """Implements `gim.metrics.export.numbers.WorkerNumbers`: the workers that run."""

    def __init__(self) -> None:
        self.channels: dict[int, Channel] = {}  # by number
        self.restarts = 0
        self._seen: set[int] = set()

    def spawned(self, number: int) -> None:
        """Count a process that was started, and whether there was one of this number before."""
        self.restarts += number in self._seen
        self._seen.add(number)

    def joined(self, number: int, channel: Channel) -> None:
        """Count a worker whose services run."""
        self.channels[number] = channel

    def gone(self, number: int) -> None:
        """Count a worker that has ended."""
        self.channels.pop(number, None)

    @property
    def running(self) -> int:
        return len(self.channels)

    def queued(self) -> dict[int, int]:
        return {number: self.channels[number].queued for number in sorted(self.channels)}


class Observing:
    """Connects each worker with the parts of the parent that observe it and count with it.

    Its methods are called at the events of `gim.workers.supervisor.Supervisor` of the same names.
    """

    def __init__(
        self,
        roster: Roster,
        overload: ParentOverload,
        read_rate: NodeReadRate,
        login_rate: RatePerSecond,
        profiles: ProfileRelay,
        samples: ParentSamples,
        snapshots: SnapshotCollector | None,
    ) -> None:
        """All of them use the channels of *roster*; without *snapshots* there are no metrics."""
        self._roster = roster
        self._overload = overload
        self._read_rate = read_rate
        self._login_rate = login_rate
        self._profiles = profiles
        self._samples = samples
        self._snapshots = snapshots

    def spawned(self, number: int, pid: int, channel: Channel) -> None:
        """Take the messages of a worker that was started; *pid* is that of its process."""
        self._roster.spawned(number)
        self._overload.spawned(number, pid)
        self._read_rate.spawned(channel)
        serve_logins(channel, self._login_rate)
        self._profiles.spawned(channel)
        self._samples.spawned(number, channel)
        if self._snapshots is not None:
            self._snapshots.spawned(channel)

    def joined(self, number: int, channel: Channel) -> None:
        """Send messages to a worker from now on: its services run."""
        self._roster.joined(number, channel)
        self._overload.joined(channel)

    def gone(self, number: int) -> None:
        """Forget a worker that has ended; what it counted goes on."""
        self._roster.gone(number)
        self._overload.gone(number)
        self._profiles.gone(number)
        if self._snapshots is not None:
            self._snapshots.gone(number)
