"""The live figures of all nodes: asked for once a second, however many streams show them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

from msgspec import Struct, json
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater

from gim.concurrency.clocks import WallClock
from gim.concurrency.shared import Shared
from gim.inspection.figures import NewestSamples, SampleHistory
from gim.inspection.node_talk import NodeTalk
from gim.inspection.ring import SECONDS, TENS, Columns
from gim.inspection.sampler import ProcessHistory, ProcessSample
from gim.inspection.samples import NodeSample, Sample
from gim.inspection.stream import Stream
from gim.inspection.total import Part, TotalColumns, counted_once, total_of
from gim.inspection.trouble import Trouble
from gim.log.logger import Logger

INTERVAL: Final = 1.0  # seconds between two events of a stream
_PATIENCE: Final = 0.8  # seconds that other nodes have to answer


class LiveSample(Struct, frozen=True):
    """The newest samples: their sum, those of each process, and what is wrong."""

    total: Sample
    nodes: list[NodeSample]
    warnings: list[Trouble]


class LiveHistory(Struct, frozen=True):
    """Samples of all processes together, the oldest first: of one second for five minutes, of ten seconds
    for an hour."""

    second: list[Sample]
    ten_seconds: list[Sample]


class LiveFigures:
    """Asks all nodes for samples, and sends them to streams."""

    _log = Logger()

    def __init__(self, talk: NodeTalk, is_open: bool, clock: IReactorTime, wall: WallClock) -> None:
        """*is_open* says whether clients log in without a token."""
        self._talk = talk
        self._is_open = is_open
        self._clock = clock
        self._wall = wall
        self._newest = Shared(self._ask_newest, INTERVAL / 2, clock)
        self._history = Shared(self._ask_history, INTERVAL, clock)
        self._streams: dict[Stream, None] = {}
        self._loop = LoopingCall(self._send_newest)
        self._loop.clock = clock

    async def newest(self) -> LiveSample:
        """Return the newest samples, up to `INTERVAL` old. Never raises."""
        return await self._newest.get()

    async def history(self) -> LiveHistory:
        """Return the samples of the last hour. Never raises."""
        return await self._history.get()

    def follow(self, stream: Stream) -> None:
        """Send a stream the newest samples, the first at once or in a second, until its end."""
        self._streams[stream] = None
        stream.on_end(lambda: self._streams.pop(stream, None))
        if not self._loop.running:
            self._loop.start(INTERVAL)

    async def _send_newest(self) -> None:
        if not self._streams:  # the last one may end while this waits: the loop ends only here
            self._loop.stop()
            return
        try:
            newest = json.encode(await self.newest())
            for stream in tuple(self._streams):
                stream.send("sample", newest)
        except Exception:  # which would end the loop
            self._log.failure("live figures failed, next try in {interval:g} s", interval=INTERVAL)

    async def _ask_newest(self) -> LiveSample:
        answers = await self._talk.ask(NewestSamples(), list[ProcessSample], _PATIENCE)
        processes = [each for _, found in answers for each in found]
        samples = {  # while workers start, two of them may have the samples of their parent
            (each.sample.node, each.sample.worker): (each.sample, each.network)
            for each in processes
            if each.sample is not None
        }
        nodes = [samples[name][0] for name in sorted(samples)]
        troubles = [trouble for each in processes for trouble in each.troubles]
        troubles += [
            Trouble("no_answer", name, {}, "does not answer: its figures are missing")
            for name in answers.missing
        ]
        if self._is_open:
            troubles.append(
                Trouble("open_mode", "", {}, "no key for login tokens is set: clients log in as any user")
            )
        return LiveSample(total_of(list(samples.values()), self._wall.now_ms()), nodes, troubles)

    async def _ask_history(self) -> LiveHistory:
        answers = await self._talk.ask(SampleHistory(), list[ProcessHistory], _PATIENCE)
        found = {(each.node, each.worker): each for _, some in answers for each in some}
        processes = list(found.values())
        seconds = await self._sum(processes, [each.seconds for each in processes], 1000, SECONDS)
        tens = await self._sum(processes, [each.tens for each in processes], 10_000, TENS)
        return LiveHistory(seconds, tens)

    async def _sum(
        self, processes: Sequence[ProcessHistory], columns: Sequence[Columns], step: int, size: int
    ) -> list[Sample]:
        """Return the sum of the columns, made in an iteration of the reactor for each process and one
        more."""
        parts = [
            Part(each.node, each.worker, each.network, frozenset(of_it.values))
            for each, of_it in zip(processes, columns, strict=True)
        ]
        total = TotalColumns([array("d", each.at) for each in columns], step, size)
        for of_it, names in zip(columns, counted_once(parts), strict=True):
            await deferLater(self._clock, 0)
            total.add(of_it, names)
        await deferLater(self._clock, 0)
        return total.samples()
