"""What a client reports, as frozen dataclasses: clients/BEHAVIOUR.md, section E.

``kind`` is the name that BEHAVIOUR.md gives a class. Fields are those of docs/protocol.md. Times are Unix
milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

StateName = Literal["closed", "connecting", "online", "waiting"]
# the code of a reply, a close code, the HTTP status of a handshake, or what the client found itself
Code = int | str


@dataclass(frozen=True, slots=True)
class User:
    """A user: id and name."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class State:
    """The state changed. ``delay`` is in seconds; ``code`` and ``reason`` say how the socket ended."""

    kind: ClassVar[str] = "state"
    now: StateName
    delay: float | None = None
    code: Code | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reset:
    """There may be holes: load sessions and history anew."""

    kind: ClassVar[str] = "reset"
    reason: Literal["start", "epoch", "missed"]


@dataclass(frozen=True, slots=True)
class Message:
    """A message. ``status`` 2 means that it was recalled; ``title`` is that of its session."""

    kind: ClassVar[str] = "message"
    id: str
    session_id: str
    sender: User
    category: str
    content: str
    sequence: int
    status: int
    created_at: int
    title: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages were left out, between two ids. None stands for an end or a number that is not known."""

    kind: ClassVar[str] = "gap"
    session_id: str
    after: str | None
    before: str | None
    skipped: int | None


@dataclass(frozen=True, slots=True)
class Sent:
    """The server has stored the message that was sent with ``request_id``."""

    kind: ClassVar[str] = "sent"
    request_id: str
    id: str
    session_id: str
    sequence: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A send ended otherwise. With the code ``uncertain`` the message may be stored or not."""

    kind: ClassVar[str] = "failed"
    request_id: str
    code: Code
    msg: str


@dataclass(frozen=True, slots=True)
class Error:
    """Something went wrong that ends nothing: a packet that is not one, a handler that raised."""

    kind: ClassVar[str] = "error"
    code: Code
    msg: str


@dataclass(frozen=True, slots=True)
class Recalled:
    """A message was recalled."""

    kind: ClassVar[str] = "recalled"
    by: str = ""
    session_id: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """The user read a session, on any device; ``unread`` is what is left."""

    kind: ClassVar[str] = "read"
    by: str = ""
    session_id: str = ""
    user_id: str = ""
    message_id: str = ""
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Renamed:
    """A chatroom has another name."""

    kind: ClassVar[str] = "renamed"
    by: str = ""
    session_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Dismissed:
    """A chatroom was dismissed."""

    kind: ClassVar[str] = "dismissed"
    by: str = ""
    session_id: str = ""
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Removed:
    """A member was removed from a chatroom."""

    kind: ClassVar[str] = "removed"
    by: str = ""
    session_id: str = ""
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Muted:
    """A member is muted until a time; 0 when the mute ended."""

    kind: ClassVar[str] = "muted"
    by: str = ""
    session_id: str = ""
    user_id: str = ""
    until: int = 0


@dataclass(frozen=True, slots=True)
class Appointed:
    """A member has another role."""

    kind: ClassVar[str] = "appointed"
    by: str = ""
    session_id: str = ""
    user_id: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class Broadcast:
    """The server's administrator tells something to all who are online. It is not stored."""

    kind: ClassVar[str] = "broadcast"
    by: str = ""
    content: str = ""
    category: str = "text"
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class Other:
    """An event of a type that this version does not know; ``fields`` is its whole body."""

    kind: ClassVar[str] = "event"
    type: str
    fields: Mapping[str, Any] = field(default_factory=dict)


Notice = Recalled | Read | Renamed | Dismissed | Removed | Muted | Appointed | Broadcast | Other
Event = State | Reset | Message | Gap | Sent | Failed | Error | Notice

_NOTICES: dict[str, type[Notice]] = {
    made.kind: made for made in (Recalled, Read, Renamed, Dismissed, Removed, Muted, Appointed, Broadcast)
}


def notice_of(body: Mapping[str, Any]) -> Notice:
    """Return the body of a packet of op 213 as an event."""
    kind = str(body.get("type", ""))
    if kind not in _NOTICES:
        return Other(kind, body)
    known = _NOTICES[kind]
    return known(**{each.name: body[each.name] for each in fields(known) if each.name in body})


def message_of(item: Mapping[str, Any], title: str = "") -> Message:
    """Return a message of a push or a history. Raises `KeyError` for one without an id or a session."""
    sender = item.get("sender") or {}
    return Message(
        item["id"],
        item["session_id"],
        User(sender.get("id", ""), sender.get("name", "")),
        item.get("category", "text"),
        item.get("content", ""),
        item.get("sequence", 0),
        item.get("status", 1),
        item.get("created_at", 0),
        title,
    )
