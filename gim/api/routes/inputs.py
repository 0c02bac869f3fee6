"""Structs of HTTP requests that have no counterpart in `gim.wire.requests`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from gim.wire.fields import Id, Name


class LoginBody(Struct, frozen=True):
    """Who logs in. Without a name a new user's name is the id; the token proves the id."""

    id: Id
    name: Name | UnsetType = UNSET
    token: str | UnsetType = UNSET


Format = Annotated[
    Literal["pprof", "folded"],
    Meta(description="pprof: for go tool pprof; folded: lines of stacks, for flame graphs"),
]


class CpuQuery(Struct, frozen=True):
    """How long to sample, and the format of the profile."""

    seconds: Annotated[float, Meta(ge=0.01, le=300)] = 30
    format: Format = "pprof"


class HeapQuery(Struct, frozen=True):
    """The format of the profile."""

    format: Format = "pprof"


class TracingQuery(Struct, frozen=True):
    """For how long to trace memory at most, and how many frames of each stack to keep."""

    seconds: Annotated[float, Meta(ge=1, le=3600)] = 600
    frames: Annotated[int, Meta(ge=1, le=64)] = 16
