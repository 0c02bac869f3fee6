"""Profiles of the processes of a daemon, by the number of the process and ready to be sent."""

from __future__ import annotations

from typing import Literal, Protocol

from gim.errors import NotFound
from gim.profiling import pprof
from gim.profiling.profile import Profile, folded
from gim.profiling.profiler import Profiler

Format = Literal["pprof", "folded"]

PARENT = 0  # the number of the process that starts the workers; those count from 1


class Profiles(Protocol):
    """Profiles of any process of the daemon: see `gim.profiling.profiler.Profiler`.

    *worker* is a number from 1 to ``workers``, or `PARENT`. Every method raises `NotFound` for another
    number, and `Unavailable` if that process does not answer.
    """

    @property
    def workers(self) -> int:
        """How many workers there are; 1 for a daemon of one process."""

    @property
    def number(self) -> int:
        """The number of this process."""

    @property
    def is_tracing(self) -> bool:
        """Whether the memory of this process is being traced."""

    async def cpu(self, worker: int, seconds: float, format: Format) -> bytes:
        """Sample the CPU for some seconds. Raises `Conflict` while another profile is made."""

    async def memory(self, worker: int, format: Format) -> bytes:
        """Return the traced memory, or raise `Conflict` if memory is not being traced."""

    async def start_tracing(self, worker: int, seconds: float, frames: int) -> None:
        """Trace memory for *seconds* at most. Raises `Conflict` if it is traced already."""

    async def stop_tracing(self, worker: int) -> None:
        """Stop tracing memory; does nothing if it is not traced."""


class OnlyProcess:
    """Implements `Profiles` for a daemon of one process: worker 1, which is its own parent."""

    workers = number = 1

    def __init__(self, profiler: Profiler) -> None:
        self._profiler = profiler

    @property
    def is_tracing(self) -> bool:
        return self._profiler.is_tracing

    async def cpu(self, worker: int, seconds: float, format: Format) -> bytes:
        check_worker(worker, self.workers)
        return written(await self._profiler.cpu(seconds), format)

    async def memory(self, worker: int, format: Format) -> bytes:
        check_worker(worker, self.workers)
        return written(await self._profiler.memory(), format)

    async def start_tracing(self, worker: int, seconds: float, frames: int) -> None:
        check_worker(worker, self.workers)
        self._profiler.start_tracing(seconds, frames)

    async def stop_tracing(self, worker: int) -> None:
        check_worker(worker, self.workers)
        self._profiler.stop_tracing()


def check_worker(worker: int, workers: int) -> None:
    """Raise `NotFound` unless *worker* is the number of one of *workers*, or of their parent."""
    if not PARENT <= worker <= workers:
        raise NotFound(f"worker: there is no worker {worker}: choose one from {PARENT} to {workers}")


def written(profile: Profile, format: Format) -> bytes:
    """Return a profile in a format."""
    return folded(profile) if format == "folded" else pprof.encode(profile)
