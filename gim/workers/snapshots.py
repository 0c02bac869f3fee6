"""The page of metrics of all processes: any worker serves it, the parent collects what they counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Raw, Struct
from msgspec.msgpack import Decoder, encode
from twisted.internet.defer import Deferred

from gim.concurrency.gather import gather
from gim.errors import GimError
from gim.link.channel import Channel
from gim.link.messages import Question
from gim.metrics.export.health import ready
from gim.metrics.export.page import MetricsPage, Page, written
from gim.metrics.export.snapshot import Family, Total, combined, families_of

SNAPSHOT_TIMEOUT = 0.5  # seconds that a worker has to answer

Families = list[Family]

_families = Decoder(Families)


class SnapshotQuestion(Question, tag=140):
    """The parent asks a worker for its metrics, a list of `Family`."""


class PageQuestion(Question, tag=141):
    """A worker asks the parent for the metrics of all processes, `Snapshots`."""


class Snapshots(Struct, array_like=True):
    """The metrics of all processes."""

    parent: Families
    ended: Families  # the sum over ended processes: counters and histograms
    workers: list[Families]  # that run


class RawSnapshots(Struct, array_like=True):
    """`Snapshots` as the parent passes them on, without decoding what the workers sent."""

    parent: Families
    ended: Families
    workers: list[Raw]


class SnapshotCollector:
    """The parent's side.

    No counter falls when a worker ends: the last numbers that were collected from it go on in ``ended``.
    A worker that does not answer in time counts with its last numbers, too, but is not ready.
    """

    def __init__(self, own: Callable[[], Families], channels: Mapping[int, Channel]) -> None:
        """*own* returns the parent's metrics; *channels* are those of the workers that run, by number."""
        self._own = own
        self._channels = channels
        self._last: dict[int, Raw] = {}
        self._ended = Total()
        self._waiting: list[Deferred[RawSnapshots]] = []
        self._is_collecting = False

    def spawned(self, channel: Channel) -> None:
        """Answer a worker."""
        channel.serve(PageQuestion, self._answer)

    def gone(self, number: int) -> None:
        """Keep what a worker that has ended counted."""
        if (last := self._last.pop(number, None)) is not None:
            self._ended.add(family for family in _families.decode(last) if family.is_cumulative)

    async def _answer(self, question: PageQuestion) -> RawSnapshots:
        return await self.collect()

    def collect(self) -> Deferred[RawSnapshots]:
        """Collect the metrics of all processes; takes `SNAPSHOT_TIMEOUT` at most.

        One collection is made at a time. All who ask during one share the next one.
        """
        snapshots: Deferred[RawSnapshots] = Deferred()
        self._waiting.append(snapshots)
        if not self._is_collecting:
            self._is_collecting = True
            Deferred.fromCoroutine(self._collect_while_asked())
        return snapshots

    async def _collect_while_asked(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            try:
                snapshots = await self._collected()
            except Exception:
                for each in waiting:
                    each.errback()
            else:
                for each in waiting:
                    each.callback(snapshots)
        self._is_collecting = False

    async def _collected(self) -> RawSnapshots:
        answers = await gather(self._ask(*each) for each in self._channels.items())
        workers = [self._last[number] for number in sorted(self._last)]
        late = () if all(answers) else families_of([ready(False)])
        return RawSnapshots([*self._own(), *late], self._ended.families(), workers)

    async def _ask(self, number: int, channel: Channel) -> bool:
        """Keep a worker's numbers. Return whether they are there, or nothing is asked for any more."""
        try:
            last = await channel.ask(SnapshotQuestion(), Raw, SNAPSHOT_TIMEOUT)
        except GimError:  # too late, or it has ended
            return self._channels.get(number) is not channel
        if self._channels.get(number) is channel:
            self._last[number] = last
        return True


class CollectedPage:
    """The worker's side: implements `gim.metrics.export.page.PageSource` for all processes together."""

    def __init__(self, own: MetricsPage, channel: Channel) -> None:
        self._own = own
        self._channel = channel
        channel.serve(SnapshotQuestion, self._answer)

    async def _answer(self, question: SnapshotQuestion) -> Raw:
        return Raw(encode(await self._own.prepared_snapshot()))

    async def write(self, accept: str) -> Page:
        collected = await self._channel.ask(PageQuestion(), Snapshots)
        total = combined(collected.parent, [collected.ended, *collected.workers])
        return written(total, accept)
