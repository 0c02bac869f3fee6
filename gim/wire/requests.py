"""What clients ask: one struct for each request, as in docs/protocol.md, section 5.

Unknown fields are ignored. What a struct says of a field (type, length, range, pattern) is checked as
it is decoded; the rules of ids and the limit of content are the chat's.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

T = TypeVar("T")

# Ids and cursors are checked by the chat: this is what documents say of them, msgspec takes any text.
_ID = {
    "minLength": 1,
    "maxLength": 64,
    "pattern": r"^(?!\.{1,2}$)[^\s:/]+$",
    "format": "gim-id",
    "description": "1 to 64 printable characters without white space, : and /, neither . nor ..",
}
_SESSION_ID = {
    "minLength": 3,
    "maxLength": 131,
    "pattern": r"^(1:[^\s:/]{1,64}|2:(?!([^:]+):\2$)[^\s:/]{1,64}:[^\s:/]{1,64})$",
    "format": "gim-session-id",
    "description": "1:CHATROOM, or 2:USER:USER with the two in either order",
}
_MESSAGE_ID = {"pattern": "^[0-9a-f]{32}$", "description": "the id of a message"}
_CURSOR = {"format": "gim-cursor", "description": "the cursor of the page before; empty for the first"}

Id = Annotated[str, Meta(extra_json_schema=_ID)]
SessionId = Annotated[str, Meta(extra_json_schema=_SESSION_ID)]
MessageId = Annotated[str, Meta(extra_json_schema=_MESSAGE_ID)]
Cursor = Annotated[str, Meta(extra_json_schema=_CURSOR)]
Name = Annotated[str, Meta(max_length=64)]
SessionType = Annotated[int, Meta(ge=1, le=2, description="1 = chatroom, 2 = private")]
Category = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,32}\Z")]
Content = Annotated[str, Meta(min_length=1)]
RequestId = Annotated[str, Meta(min_length=1, max_length=64)]
HistoryCount = Annotated[int, Meta(ge=1, le=100)]
SessionCount = Annotated[int, Meta(ge=1, le=200)]
MemberCount = Annotated[int, Meta(ge=1, le=1000)]
NewName = Annotated[str, Meta(min_length=1, max_length=64)]
Seconds = Annotated[int, Meta(ge=0, le=31_536_000)]  # up to a year
Role = Literal["owner", "admin", "member"]


class LoginRequest(Struct, frozen=True):
    """op 101. ``since`` and ``epoch`` come together or not at all."""

    id: Id
    name: Name | UnsetType = UNSET
    token: str | UnsetType = UNSET
    since: MessageId | UnsetType = UNSET
    epoch: str | UnsetType = UNSET


class LogoutRequest(Struct, frozen=True):
    """op 103."""


class HeartbeatRequest(Struct, frozen=True):
    """op 105."""


class SendRequest(Struct, frozen=True):
    """op 201. ``request_id`` is "" when it is not given."""

    type: SessionType
    target_id: Id
    content: Content
    category: Category = "text"
    request_id: RequestId = ""


class HistoryRequest(Struct, frozen=True):
    """op 203."""

    session_id: SessionId
    count: HistoryCount = 20
    message_id: MessageId | UnsetType = UNSET


class SessionsRequest(Struct, frozen=True):
    """op 205."""

    count: SessionCount = 50
    cursor: Cursor = ""
    session_type: SessionType | UnsetType = UNSET


class MarkReadRequest(Struct, frozen=True):
    """op 209."""

    session_id: SessionId
    message_id: MessageId


class JoinRequest(Struct, frozen=True):
    """op 301. A chatroom that is made gets ``chatroom:<id>`` for an empty name."""

    id: Id
    name: Name = ""


class LeaveRequest(Struct, frozen=True):
    """op 303."""

    id: Id


class MembersRequest(Struct, frozen=True):
    """op 305."""

    id: Id
    count: MemberCount = 100
    cursor: Cursor = ""


class RecallRequest(Struct, frozen=True):
    """op 211."""

    session_id: SessionId
    message_id: MessageId


class RenameRequest(Struct, frozen=True):
    """op 307."""

    id: Id
    name: NewName


class DismissRequest(Struct, frozen=True):
    """op 309."""

    id: Id


class RemoveRequest(Struct, frozen=True):
    """op 311."""

    id: Id
    user_id: Id


class MuteRequest(Struct, frozen=True):
    """op 313. 0 seconds end a mute."""

    id: Id
    user_id: Id
    seconds: Seconds


class AppointRequest(Struct, frozen=True):
    """op 315."""

    id: Id
    user_id: Id
    role: Role


def given(value: T | UnsetType) -> T | None:
    """Return an optional field's value, None when it was left out."""
    return None if value is UNSET else value
