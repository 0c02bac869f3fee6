"""How busy this machine is, as Linux counts it."""

from __future__ import annotations

from typing import NamedTuple

_STAT = "/proc/stat"
_IDLE, _IOWAIT = 3, 4  # places in the line "cpu", proc_stat(5)


class Machine(NamedTuple):
    """The share of all cores that was used between two readings, None where it is not known."""

    share: float | None


class MachineTimes(NamedTuple):
    """Ticks since the start of the machine."""

    busy: int
    total: int

    @classmethod
    def read(cls) -> MachineTimes | None:
        """Return the counts up to now, None on a system without them."""
        try:
            with open(_STAT) as file:
                ticks = [int(word) for word in file.readline().split()[1:9]]
        except (OSError, ValueError):
            return None
        return cls(sum(ticks) - ticks[_IDLE] - ticks[_IOWAIT], sum(ticks))


def between(before: MachineTimes | None, after: MachineTimes | None) -> Machine:
    """Return how busy the machine was between two readings."""
    if before is None or after is None or after.total == before.total:
        return Machine(None)
    return Machine((after.busy - before.busy) / (after.total - before.total))
