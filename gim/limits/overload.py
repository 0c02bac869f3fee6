"""Overload: too much to do for the reactor, or too much memory in use.

New connections are then refused, so that the connected clients are still served.
"""

from __future__ import annotations

import os

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gim.limits.limits import MEMORY, REACTOR_DELAY
from gim.log.logger import Logger

SAMPLE_INTERVAL = 0.5  # seconds
IN_A_ROW = 4  # samples that must agree, so that a pause of the garbage collector changes nothing
LEAVE_DELAY = 0.5  # of the bound: the delay must fall below it
LEAVE_MEMORY = 0.95  # of the bound; Python gives memory back late and in part
STATM = "/proc/self/statm"
PAGE = os.sysconf("SC_PAGE_SIZE")  # bytes


def resident(statm: int) -> int:
    """Return how many bytes of RAM the process has; *statm* is the open file `STATM`."""
    return int(os.pread(statm, 256, 0).split()[1]) * PAGE


class Hysteresis:
    """On after `IN_A_ROW` samples above *bound*, off after as many below ``leave * bound``. A bound of 0
    disables it."""

    def __init__(self, bound: float, leave: float) -> None:
        self._bound = bound
        self._leave = leave * bound
        self._row = 0  # samples that spoke for a change
        self.is_above = False

    def add(self, value: float) -> bool:
        """Take a sample; say whether it changed ``is_above``."""
        if not self._bound:
            return False
        speaks_for_change = value < self._leave if self.is_above else value > self._bound
        self._row = self._row + 1 if speaks_for_change else 0
        if self._row < IN_A_ROW:
            return False
        self._row, self.is_above = 0, not self.is_above
        return True


class Overload(Service):
    """Samples the process while it runs.

    Reactor delay is how late this timer fires: what a request arriving now would wait. Works on every
    reactor, unlike `gim.metrics.instruments.ticks`.
    """

    name = "overload"
    _log = Logger()

    def __init__(self, clock: IReactorTime, max_delay: float, max_memory: int) -> None:
        """*max_delay* is in seconds, *max_memory* in bytes; 0 for no bound."""
        self._clock = clock
        self._delay = Hysteresis(max_delay, LEAVE_DELAY)
        self._memory = Hysteresis(max_memory, LEAVE_MEMORY)
        self._max_memory = max_memory
        self._statm = -1  # kept open: when it matters, there may be no file left to open
        self._due = 0.0
        self._worst_delay = 0.0
        self._call: IDelayedCall | None = None

    @property
    def cause(self) -> str:
        """The limit that the process is above, "" for none."""
        if self._delay.is_above:
            return REACTOR_DELAY
        return MEMORY if self._memory.is_above else ""

    def take_delay(self) -> float:
        """Return the largest reactor delay since the last call, in seconds."""
        worst, self._worst_delay = self._worst_delay, 0.0
        return worst

    def startService(self) -> None:
        super().startService()
        if self._max_memory:
            self._statm = os.open(STATM, os.O_RDONLY)
        self._wait()

    def stopService(self) -> None:
        super().stopService()
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._statm >= 0:
            os.close(self._statm)
            self._statm = -1

    def _wait(self) -> None:
        self._due = self._clock.seconds() + SAMPLE_INTERVAL
        self._call = self._clock.callLater(SAMPLE_INTERVAL, self._sample)

    def _sample(self) -> None:
        delay = self._clock.seconds() - self._due
        self._wait()
        self._worst_delay = max(self._worst_delay, delay)
        try:
            self._take(delay)
        except Exception:
            self._log.failure(
                "overload: a sample failed, next one in {interval} s", interval=SAMPLE_INTERVAL
            )

    def _take(self, delay: float) -> None:
        if self._delay.add(delay):
            self._say(self._delay.is_above, f"the reactor is {delay:.1f} s late", REACTOR_DELAY)
        if self._max_memory:
            used = self._used()
            if self._memory.add(used):
                self._say(self._memory.is_above, f"{used / 2**20:.0f} MiB are in use", MEMORY)

    def _used(self) -> int:
        """Return the bytes of RAM that count."""
        return resident(self._statm)

    def _say(self, is_above: bool, what: str, limit: str) -> None:
        if is_above:
            self._log.warn("overloaded: {what}, see --{limit}", what=what, limit=limit)
        else:
            self._log.info("not overloaded any more: {what}, see --{limit}", what=what, limit=limit)
