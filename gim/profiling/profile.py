"""A profile: how much of what was measured in which stack of calls, and its two ways of being written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct


class Place(NamedTuple):
    """A line of a function. ``line`` is 0 where it is not known."""

    function: str
    file: str
    line: int


Stack = tuple[Place, ...]  # innermost call first


class Kind(NamedTuple):
    """What a number counts, as in ``("cpu", "nanoseconds")``."""

    name: str
    unit: str


class Profile(Struct, frozen=True):
    """For each stack a number of each kind. Times are in nanoseconds, ``began`` since 1970.

    ``period`` is what lies between two samples, counted in the last kind; 0 for none.
    """

    kinds: tuple[Kind, ...]
    samples: Mapping[Stack, tuple[int, ...]]
    began: int = 0
    duration: int = 0
    period: int = 0


def folded(profile: Profile) -> bytes:
    """Write a line ``outermost;…;innermost NUMBER`` for each stack, the number being of the last kind.

    It is what flamegraph.pl and speedscope read. Functions are named without their lines, so stacks
    that differ in lines only are one.
    """
    sums: dict[str, int] = {}
    for stack, numbers in profile.samples.items():
        name = ";".join(_word(place) for place in reversed(stack))
        sums[name] = sums.get(name, 0) + numbers[-1]
    return "".join(f"{name} {number}\n" for name, number in sorted(sums.items())).encode()


def _word(place: Place) -> str:
    return place.function.replace(";", ":").replace("\n", " ")
