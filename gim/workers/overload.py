"""Overload of several processes: their memory together, and the parent's reactor for all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime

from gim.limits.overload import PAGE, Overload
from gim.link.channel import Channel


class OverloadCause(Struct, array_like=True, gc=False, tag=155):
    """The limit that the parent is above, "" for none: it holds for each worker."""

    limit: str


class WorkerOverload(Overload):
    """The worker's side: its own reactor delay, and what the parent is above."""

    def __init__(self, clock: IReactorTime, max_delay: float, channel: Channel) -> None:
        """*max_delay* is in seconds, 0 for no bound."""
        super().__init__(clock, max_delay, max_memory=0)
        self._of_parent = ""
        channel.handle(OverloadCause, self._take_over)

    def _take_over(self, cause: OverloadCause) -> None:
        self._of_parent = cause.limit

    @property
    def cause(self) -> str:
        return super().cause or self._of_parent


class ParentOverload(Overload):
    """The parent's side: tells its workers when it is above a limit, and when it is not any more.

    A worker's memory counts without the files that it shares with the others, such as libraries.
    """

    def __init__(
        self,
        clock: IReactorTime,
        max_delay: float,
        max_memory: int,
        channels: Mapping[int, Channel],
    ) -> None:
        """*channels* are those of the workers that run, by number."""
        super().__init__(clock, max_delay, max_memory)
        self._channels = channels
        self._statms: dict[int, int] = {}  # open files

    def spawned(self, number: int, pid: int) -> None:
        """Count the memory of a worker from now on."""
        if self._max_memory:
            with suppress(FileNotFoundError):  # it has ended already
                self._statms[number] = os.open(f"/proc/{pid}/statm", os.O_RDONLY)

    def joined(self, channel: Channel) -> None:
        """Tell a worker the state."""
        if self.cause:
            channel.send(OverloadCause(self.cause))

    def gone(self, number: int) -> None:
        """Forget a worker that has ended."""
        if (statm := self._statms.pop(number, None)) is not None:
            os.close(statm)

    def _take(self, delay: float) -> None:
        before = self.cause
        super()._take(delay)
        if self.cause != before:
            for channel in self._channels.values():
                channel.send(OverloadCause(self.cause))

    def _used(self) -> int:
        return super()._used() + sum(map(unshared, self._statms.values()))


def unshared(statm: int) -> int:
    """Return how many bytes of RAM a process has for itself; *statm* is its open file.

    0 for a process that has ended.
    """
    try:
        _, resident, shared, *_ = os.pread(statm, 256, 0).split()
    except OSError:  # ESRCH
        return 0
    return (int(resident) - int(shared)) * PAGE
