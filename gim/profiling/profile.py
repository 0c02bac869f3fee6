"""A profile: measured numbers by stack of calls, and its form as folded text."""

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
    """What a number measures, as in ``("cpu", "nanoseconds")``."""

    name: str
    unit: str


class Profile(Struct, frozen=True):
    """For each stack a number of each kind. ``began_ns`` is a Unix time.

    ``period`` lies between two samples, in the unit of the last kind; 0 for none.
    """

    kinds: tuple[Kind, ...]
    samples: Mapping[Stack, tuple[int, ...]]
    began_ns: int = 0
    duration_ns: int = 0
    period: int = 0


def folded(profile: Profile) -> bytes:
    """Return a line ``outermost;…;innermost NUMBER`` for each stack, with its number of the last kind.

    flamegraph.pl and speedscope read this format. It has no line numbers: stacks that differ only in
    these are added up.
    """
    sums: dict[str, int] = {}
    for stack, numbers in profile.samples.items():
        name = ";".join(_name(place) for place in reversed(stack))
        sums[name] = sums.get(name, 0) + numbers[-1]
    return "".join(f"{name} {number}\n" for name, number in sorted(sums.items())).encode()


def _name(place: Place) -> str:
    return place.function.replace(";", ":").replace("\n", " ")
