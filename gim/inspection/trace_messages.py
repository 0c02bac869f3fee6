"""What a trace tells its reader, and what the nodes tell each other about traces."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

# the events of a stream, as docs/administration.md has them


class Begin(Struct, frozen=True):
    """A trace begins. ``connections`` has the keys of those that are logged in; ``until`` is Unix ms."""

    user_id: str
    connections: list[str]
    until: int


class PacketSeen(Struct, frozen=True):
    """A packet. ``code`` is there for replies, ``bytes`` counts those of the payload."""

    at: int
    direction: Literal["in", "out"]
    key: str
    node: str
    op: int
    name: str
    seq: int
    bytes: int
    body: Any
    code: int | UnsetType = UNSET


class ConnectionSeen(Struct, frozen=True):
    """A connection that was ``open`` when the trace began, that ``opened``, or that ``closed``.

    ``since`` is when it logged in, None before that. ``code`` and ``reason`` are those of its end; an end
    without a close frame has no code.
    """

    at: int
    change: Literal["open", "opened", "closed"]
    key: str
    node: str
    peer: str
    since: int | None = None
    code: int | None = None
    reason: str = ""


class Dropped(Struct, frozen=True):
    """How many packets are missing here."""

    count: int


class End(Struct, frozen=True):
    """Why the trace ends: its time is over."""

    reason: Literal["time"]


# between nodes


class Terms(Struct, frozen=True):
    """Which trace it is, of which user, and whether it shows contents. ``home`` is the listener that
    serves its reader."""

    id: str
    user_id: str
    with_contents: bool
    home: str


class BeginTrace(Terms, frozen=True, tag="begin_trace"):
    """The question for the keys of a user's connections, whose packets are reported from now on."""


class TraceBegun(Struct, frozen=True):
    """The keys of the connections of a user at one node."""

    connections: list[str]


class KeepTrace(Terms, frozen=True, tag="keep_trace"):
    """The notice that a trace goes on. A node that does not know the trace begins it."""


class EndTrace(Struct, frozen=True, tag="end_trace"):
    """The notice that a trace has ended."""

    id: str


class TraceReport(Struct, frozen=True, tag="trace_report"):
    """A notice of what a node has seen: names of events with their JSON, and how many packets it did not
    take. ``present`` has the connections under trace in the answer to `KeepTrace`, else None."""

    id: str
    events: list[tuple[str, bytes]]
    dropped: int = 0
    present: list[ConnectionSeen] | None = None
