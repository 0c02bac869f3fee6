"""Processes on the cores of a machine: a simulation of discrete events. Times are in seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

Call = Callable[[], None]


class Machine:
    """Cores that serve processes in the order in which they became ready.

    A process that has a core takes what waits for it, as an iteration of a reactor does, and keeps the
    core until that is done.
    """

    def __init__(self, cores: int) -> None:
        self.now = 0.0
        self._idle = cores
        self._ready: deque[Process] = deque()
        self._events: list[tuple[float, int, Call]] = []
        self._numbers = count()  # so that events of one time come in the order in which they were made

    def at(self, time: float, call: Call) -> None:
        heappush(self._events, (time, next(self._numbers), call))

    def wake(self, process: Process) -> None:
        self._ready.append(process)
        if self._idle:
            self._idle -= 1
            self._begin()

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._events and self._events[0][0] <= until:
            self.now, _, call = heappop(self._events)
            call()
        self.now = until

    def _begin(self) -> None:
        process = self._ready.popleft()
        cost, done = process.turn()

        def end() -> None:
            done()
            process.busy += cost
            process.is_awake = bool(process.inbox)
            if process.is_awake:
                self._ready.append(process)
            if self._ready:
                self._begin()
            else:
                self._idle += 1

        self.at(self.now + cost, end)


class Process:
    """One thread that serves what is in its inbox, so much of it in one turn."""

    def __init__(self, machine: Machine, most: int = 1_000_000) -> None:
        """*most* is the number of items that it serves in one turn at most."""
        self.machine = machine
        self.most = most
        self.inbox: list[Any] = []
        self.is_awake = False  # runs, or waits for a core
        self.busy = 0.0  # seconds on a core so far

    def give(self, item: Any) -> None:
        self.inbox.append(item)
        if not self.is_awake:
            self.is_awake = True
            self.machine.wake(self)

    def take(self) -> list[Any]:
        """Return the items of a turn."""
        taken, self.inbox = self.inbox[: self.most], self.inbox[self.most :]
        return taken

    def turn(self) -> tuple[float, Call]:
        """Take items; return the seconds that they cost, and what happens at the end of the turn."""
        raise NotImplementedError
