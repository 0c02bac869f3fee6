"""Samples of this process, once a second, whether anything asks for them or not."""

from __future__ import annotations

from collections import deque
from time import process_time
from typing import Any, Final, Literal

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from gim.concurrency.clocks import WallClock
from gim.concurrency.periodic import Periodic
from gim.inspection.proc_files import ProcFiles
from gim.inspection.readings import Readings
from gim.inspection.ring import Columns, Rings
from gim.inspection.samples import REFUSALS, NodeSample, fields_of
from gim.inspection.trouble import WINDOW, Trouble, troubles_of
from gim.metrics.instruments.durations import Row, quantile

SAMPLE_INTERVAL: Final = 1.0  # seconds


class ProcessSample(Struct, frozen=True):
    """The newest sample of a process, None before the first one, and what is wrong there."""

    sample: NodeSample | None
    network: str  # of `gim.inspection.proc_files.network_name`
    troubles: list[Trouble]


class ProcessHistory(Struct, frozen=True):
    """All samples of a process."""

    node: str
    worker: int
    network: str
    seconds: Columns
    tens: Columns


class Process(Struct, frozen=True):
    """What a process is: see `NodeSample`."""

    node: str
    worker: int
    version: str
    started_at: int
    storage: Literal["memory", "redis"]
    network: str


class Sampler(Periodic):
    """Takes samples while it runs and keeps those of the last hour: see `Rings` for how much memory that
    takes. A sample takes some 0.15 ms, however many connections there are."""

    name = "sampler"

    def __init__(
        self, readings: Readings, process: Process, clock: IReactorTime, wall: WallClock
    ) -> None:
        super().__init__(self._sample, SAMPLE_INTERVAL, clock, first_at_once=True)
        self._readings = readings
        self._process = process
        self._clock = clock
        self._wall = wall
        self._files = ProcFiles()
        self._counted: dict[str, float] | None = None  # by the last sample
        self._counted_at = 0.0
        self._sends: deque[Row] = deque(maxlen=WINDOW)  # before each of the last samples
        self.rings = Rings()
        self._newest: NodeSample | None = None

    def startService(self) -> None:
        self._files.open()
        super().startService()

    def stopService(self) -> Deferred[Any] | None:
        ended = super().stopService()
        self._files.close()
        return ended

    def newest(self) -> ProcessSample:
        """Return the newest sample."""
        if self._newest is None:
            return ProcessSample(None, self._process.network, [])
        troubles = troubles_of(self._newest, self._process.node, self._readings, self.rings.seconds)
        return ProcessSample(self._newest, self._process.network, troubles)

    def history(self) -> ProcessHistory:
        """Return all samples that are kept."""
        process, rings = self._process, self.rings
        seconds, tens = rings.seconds.columns(), rings.tens.columns()
        return ProcessHistory(process.node, process.worker, process.network, seconds, tens)

    async def _sample(self) -> None:
        if self._readings.health is not None:
            await self._readings.health.check()
        before, began = self._counted, self._counted_at
        self._counted, self._counted_at = self._count(), self._clock.seconds()
        if before is not None and self._counted_at > began:
            self._add(before, self._counted_at - began)
        if self._readings.sends is not None:
            self._sends.append(self._readings.sends.copy())

    def _count(self) -> dict[str, float]:
        counted = {name: read() for name, read in self._readings.counters.items()}
        counted["cpu"] = process_time()
        if (traffic := self._files.traffic()) is not None:
            counted["bytes_in"], counted["bytes_out"] = traffic
        hits = self._readings.hits.counts
        return counted | {name: hits[limit] for name, limit in REFUSALS.items() if limit in hits}

    def _add(self, before: dict[str, float], seconds: float) -> None:
        assert self._counted is not None
        values = {name: (now - before.get(name, 0.0)) / seconds for name, now in self._counted.items()}
        values |= {name: float(read()) for name, read in self._readings.amounts.items()}
        values["reactor_delay_ms"] = 1000 * self._readings.overload.take_delay()
        if (rss := self._files.rss()) is not None:
            values["rss"] = rss
        if (health := self._readings.health) is not None:
            values["storage_up"], values["ready"] = health.is_storage_up, health.is_ready
        values |= self._durations()
        at = self._wall.now_ms()
        self.rings.add(at, values)
        self._newest = NodeSample(
            **fields_of(at, values),
            node=self._process.node,
            worker=self._process.worker,
            version=self._process.version,
            started_at=self._process.started_at,
            storage=self._process.storage,
        )

    def _durations(self) -> dict[str, float]:
        """Return how long sends took in the last second, or in the last ten if that had none."""
        sends = self._readings.sends
        if sends is None or not self._sends:
            return {}
        for before in self._sends[-1], self._sends[0]:
            passed = [now - then for now, then in zip(sends, before, strict=True)]
            if (half := quantile(passed, 0.5)) is not None:
                longest = quantile(passed, 0.99) or half
                return {"send_p50_ms": 1000 * half, "send_p99_ms": 1000 * longest}
        return {}
