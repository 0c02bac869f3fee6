"""What clients ask: one struct for each request, as in docs/protocol.md, section 5.

Unknown fields are ignored. What a struct says of a field (type, length, range, pattern) is checked as
it is decoded; the rules of ids and the limit of content are the chat's.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

T = TypeVar("T")

Name = Annotated[str, Meta(max_length=64)]
SessionType = Annotated[int, Meta(ge=1, le=2, description="1 = chatroom, 2 = private")]
Category = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,32}\Z")]
Content = Annotated[str, Meta(min_length=1)]
RequestId = Annotated[str, Meta(min_length=1, max_length=64)]
HistoryCount = Annotated[int, Meta(ge=1, le=100)]
SessionCount = Annotated[int, Meta(ge=1, le=200)]
MemberCount = Annotated[int, Meta(ge=1, le=1000)]


class LoginRequest(Struct, frozen=True):
    """op 101. ``since`` and ``epoch`` come together or not at all."""

    id: str
    name: Name | UnsetType = UNSET
    token: str | UnsetType = UNSET
    since: str | UnsetType = UNSET
    epoch: str | UnsetType = UNSET


class LogoutRequest(Struct, frozen=True):
    """op 103."""


class HeartbeatRequest(Struct, frozen=True):
    """op 105."""


class SendRequest(Struct, frozen=True):
    """op 201. ``request_id`` is "" when it is not given."""

    type: SessionType
    target_id: str
    content: Content
    category: Category = "text"
    request_id: RequestId = ""


class HistoryRequest(Struct, frozen=True):
    """op 203."""

    session_id: str
    count: HistoryCount = 20
    message_id: str | UnsetType = UNSET


class SessionsRequest(Struct, frozen=True):
    """op 205."""

    count: SessionCount = 50
    cursor: str = ""
    session_type: SessionType | UnsetType = UNSET


class MarkReadRequest(Struct, frozen=True):
    """op 209."""

    session_id: str
    message_id: str


class JoinRequest(Struct, frozen=True):
    """op 301. A chatroom that is made gets ``chatroom:<id>`` for an empty name."""

    id: str
    name: Name = ""


class LeaveRequest(Struct, frozen=True):
    """op 303."""

    id: str


class MembersRequest(Struct, frozen=True):
    """op 305."""

    id: str
    count: MemberCount = 100
    cursor: str = ""


def given(value: T | UnsetType) -> T | None:
    """Return an optional field's value, None when it was left out."""
    return None if value is UNSET else value
