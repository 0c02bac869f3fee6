"""Structs of HTTP requests that have no counterpart in `gim.wire.requests`."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from gim.profiling.profiles import Format
from gim.wire.fields import Id, Name


class LoginBody(Struct, frozen=True):
    """Who logs in. Without a name a new user's name is the id; the token proves the id."""

    id: Id
    name: Name | UnsetType = UNSET
    token: str | UnsetType = UNSET


Worker = Annotated[
    int,
    Meta(
        ge=0,
        description="the process: a worker by its number, or 0 for their parent; a server of one process"
        " is both",
    ),
]
WrittenAs = Annotated[
    Format,
    Meta(description="pprof: for go tool pprof; folded: lines of stacks, for flame graphs"),
]


class CpuQuery(Struct, frozen=True):
    """How long to sample which process, and the format of the profile."""

    seconds: Annotated[float, Meta(ge=0.01, le=300)] = 30
    format: WrittenAs = "pprof"
    worker: Worker = 1


class HeapQuery(Struct, frozen=True):
    """Which process, and the format of the profile."""

    format: WrittenAs = "pprof"
    worker: Worker = 1


class TracingQuery(Struct, frozen=True):
    """For how long to trace the memory of which process at most, and how many frames of each stack to
    keep."""

    seconds: Annotated[float, Meta(ge=1, le=3600)] = 600
    frames: Annotated[int, Meta(ge=1, le=64)] = 16
    worker: Worker = 1


class WorkerQuery(Struct, frozen=True):
    """Which process."""

    worker: Worker = 1
