"""Profiles of any process, requested from any worker: the parent passes requests on."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from itertools import count
from secrets import randbits
from typing import Any, Final

from msgspec import Struct
from twisted.internet.defer import CancelledError, Deferred

from gim.errors import Unavailable
from gim.link.channel import Channel
from gim.link.messages import Question
from gim.profiling.profile import Profile
from gim.profiling.profiler import Profiler
from gim.profiling.profiles import PARENT, Format, check_worker, written

KEY_BITS = 48
PATIENCE = 60.0  # seconds for a profile of memory, and for one of the CPU beyond its own time

Key = tuple[int, int]  # the worker that a profile was requested from, and a number of its own


class CpuRequest(Question, kw_only=True, tag=145):
    """See `gim.profiling.profiles.Profiles.cpu`; ``key`` names it for `EndSampling`.

    The answer to this and to the other requests is bytes, empty where there is no profile.
    """

    worker: int
    seconds: float
    format: Format
    key: Key


class EndSampling(Struct, array_like=True, gc=False, tag=146):
    """The client of a `CpuRequest` does not wait any more."""

    worker: int
    key: Key


class MemoryRequest(Question, kw_only=True, tag=147):
    """See `gim.profiling.profiles.Profiles.memory`."""

    worker: int
    format: Format


class TracingRequest(Question, kw_only=True, tag=148):
    """See `gim.profiling.profiles.Profiles.start_tracing`."""

    worker: int
    seconds: float
    frames: int


class TracingEnd(Question, kw_only=True, tag=149):
    """See `gim.profiling.profiles.Profiles.stop_tracing`."""

    worker: int


Request = CpuRequest | MemoryRequest | TracingRequest | TracingEnd
REQUESTS: Final[tuple[type[Any], ...]] = CpuRequest, MemoryRequest, TracingRequest, TracingEnd


def _patience(request: Request) -> float | None:
    """Return how many seconds the answer may take, None for the usual time."""
    match request:
        case CpuRequest():
            return request.seconds + PATIENCE
        case MemoryRequest():
            return PATIENCE
    return None


class ProfileMaker:
    """Makes profiles of this process for the clients of others."""

    def __init__(self, profiler: Profiler) -> None:
        self._profiler = profiler
        self._sampling: dict[Key, Deferred[Profile]] = {}

    async def answer(self, request: Request) -> bytes:
        """Do what is requested; raises as `gim.profiling.profiler.Profiler`."""
        match request:
            case CpuRequest():
                return await self._cpu(request)
            case MemoryRequest():
                return written(await self._profiler.memory(), request.format)
            case TracingRequest():
                self._profiler.start_tracing(request.seconds, request.frames)
            case TracingEnd():
                self._profiler.stop_tracing()
        return b""

    async def _cpu(self, request: CpuRequest) -> bytes:
        sampling = Deferred.fromCoroutine(self._profiler.cpu(request.seconds))
        self._sampling[request.key] = sampling
        try:
            return written(await sampling, request.format)
        except CancelledError:  # by `end_sampling`: nothing waits for the answer
            return b""
        finally:
            del self._sampling[request.key]

    def end_sampling(self, end: EndSampling) -> None:
        """End the sampling of a request, if it is under way."""
        if (sampling := self._sampling.get(end.key)) is not None:
            sampling.cancel()


class ProfileRelay:
    """The parent's side: passes each request on to the process that it is for."""

    def __init__(self, profiler: Profiler, channels: Mapping[int, Channel]) -> None:
        """*channels* are those of the workers that run, by number."""
        self._own = ProfileMaker(profiler)
        self._channels = channels
        self._sampled: dict[Key, int] = {}  # the process of each CPU profile under way

    def spawned(self, channel: Channel) -> None:
        """Take the requests of a worker."""
        channel.handle(EndSampling, self._end_sampling)
        for kind in REQUESTS:
            channel.serve(kind, self._answer)

    def gone(self, number: int) -> None:
        """End what was requested from a worker that has ended."""
        left = [(key, worker) for key, worker in self._sampled.items() if key[0] == number]
        for key, worker in left:
            self._end_sampling(EndSampling(worker, key))

    async def _answer(self, request: Request) -> bytes:
        if not isinstance(request, CpuRequest):
            return await self._passed_on(request)
        self._sampled[request.key] = request.worker
        try:
            return await self._passed_on(request)
        finally:
            del self._sampled[request.key]

    async def _passed_on(self, request: Request) -> bytes:
        if request.worker == PARENT:
            return await self._own.answer(request)
        channel = self._channels.get(request.worker)
        if channel is None:
            raise Unavailable(f"worker {request.worker} is being started: try again in a moment")
        # a copy, as the channel gives it a number of its own
        return await channel.ask(copy(request), bytes, _patience(request))

    def _end_sampling(self, end: EndSampling) -> None:
        if end.worker == PARENT:
            self._own.end_sampling(end)
        elif (channel := self._channels.get(end.worker)) is not None:
            channel.send(end)


class LinkedProfiles:
    """The worker's side: implements `gim.profiling.profiles.Profiles` for all processes."""

    def __init__(self, profiler: Profiler, channel: Channel, number: int, workers: int) -> None:
        """*number* is that of this worker, one of *workers*."""
        self.number = number
        self.workers = workers
        self._profiler = profiler
        self._channel = channel
        self._keys = count(randbits(KEY_BITS))  # an earlier process of this number has other ones
        maker = ProfileMaker(profiler)
        channel.handle(EndSampling, maker.end_sampling)
        for kind in REQUESTS:
            channel.serve(kind, maker.answer)

    @property
    def is_tracing(self) -> bool:
        return self._profiler.is_tracing

    async def cpu(self, worker: int, seconds: float, format: Format) -> bytes:
        key = self.number, next(self._keys)
        try:
            return await self._ask(CpuRequest(worker=worker, seconds=seconds, format=format, key=key))
        except CancelledError:
            self._channel.send(EndSampling(worker, key))
            raise

    async def memory(self, worker: int, format: Format) -> bytes:
        return await self._ask(MemoryRequest(worker=worker, format=format))

    async def start_tracing(self, worker: int, seconds: float, frames: int) -> None:
        await self._ask(TracingRequest(worker=worker, seconds=seconds, frames=frames))

    async def stop_tracing(self, worker: int) -> None:
        await self._ask(TracingEnd(worker=worker))

    async def _ask(self, request: Request) -> bytes:
        check_worker(request.worker, self.workers)
        return await self._channel.ask(request, bytes, _patience(request))
