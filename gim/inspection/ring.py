"""The samples of the last minutes, in memory of a fixed size."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from math import inf, nan
from typing import Final

from msgspec import Struct

from gim.inspection.samples import AMOUNTS, DELAYS, FIELDS, REFUSALS, STATES, Values

SECONDS: Final = 300  # samples of one second
TENS: Final = 360  # samples of ten seconds
_TEN: Final = 10


class Columns(Struct, frozen=True):
    """Samples, the oldest first: when they were taken in Unix ms, and the values of each field as an
    array of 32-bit floats in the byte order of the machine, NaN for an unknown one. A field without
    values is left out."""

    at: bytes  # as 64-bit floats
    values: dict[str, bytes]


class Ring:
    """The newest samples of one length, `memory` bytes whatever there is in them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._next = 0
        self._at = array("d", [0.0]) * size  # 0.0: there is no sample yet
        self._values = {name: array("f", [nan]) * size for name in FIELDS}

    @property
    def memory(self) -> int:
        """The bytes of all values."""
        return sum(each.itemsize * len(each) for each in (self._at, *self._values.values()))

    def add(self, at: int, values: Values) -> None:
        """Put a sample in the place of the oldest one."""
        place, self._next = self._next, (self._next + 1) % self._size
        self._at[place] = at
        for name, column in self._values.items():
            column[place] = values.get(name, nan)

    def newest(self, name: str, count: int) -> array[float]:
        """Return the known values of a field in the last *count* samples, the oldest first."""
        column = self._values[name]
        wanted = (column[(self._next - count + each) % self._size] for each in range(count))
        return array("f", (value for value in wanted if value == value))

    def columns(self) -> Columns:
        """Return all samples."""
        return Columns(self._in_order(self._at).tobytes(), dict(self._known()))

    def _known(self) -> Iterator[tuple[str, bytes]]:
        for name, column in self._values.items():
            least = 0.0 if name in REFUSALS else -inf
            if any(value > least for value in column):  # which no NaN is
                yield name, self._in_order(column).tobytes()

    def _in_order(self, column: array[float]) -> array[float]:
        count = self._size - self._at.count(0.0)
        if count < self._size:
            return column[:count]
        return column[self._next :] + column[: self._next]


class Rings:
    """The samples of the last five minutes second by second, and of the last hour by ten seconds.

    A sample of ten seconds has the means of the rates, the largest delays, the worst states, and the
    amounts at its end.
    """

    def __init__(self) -> None:
        self.seconds = Ring(SECONDS)
        self.tens = Ring(TENS)
        self._count = 0

    @property
    def memory(self) -> int:
        """The bytes of all values."""
        return self.seconds.memory + self.tens.memory

    def add(self, at: int, values: Values) -> None:
        """Add a sample of one second."""
        self.seconds.add(at, values)
        self._count += 1
        if self._count % _TEN == 0:
            self.tens.add(at, dict(self._of_ten()))

    def _of_ten(self) -> Iterator[tuple[str, float]]:
        for name in FIELDS:
            if known := self.seconds.newest(name, _TEN):
                yield name, _over_time(name, known)


def _over_time(name: str, values: array[float]) -> float:
    if name in AMOUNTS:
        return values[-1]
    if name in DELAYS:
        return max(values)
    return min(values) if name in STATES else sum(values) / len(values)
