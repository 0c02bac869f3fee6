"""Types of fields of requests, for the WebSocket and the HTTP API."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from msgspec import UNSET, Meta, UnsetType

T = TypeVar("T")

# The chat checks ids, names and cursors, not msgspec; these are for the OpenAPI document.
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
_NAME = {
    "format": "gim-name",
    "description": "without control characters, line breaks and marks of writing direction; not only"
    ' invisible characters; not "system"',
}
_CURSOR = {"format": "gim-cursor", "description": "the cursor of the previous page; empty for the first"}

Id = Annotated[str, Meta(extra_json_schema=_ID)]
SessionId = Annotated[str, Meta(extra_json_schema=_SESSION_ID)]
MessageId = Annotated[str, Meta(extra_json_schema=_MESSAGE_ID)]
Cursor = Annotated[str, Meta(extra_json_schema=_CURSOR)]
Name = Annotated[str, Meta(max_length=64, extra_json_schema=_NAME)]
SessionType = Annotated[int, Meta(ge=1, le=2, description="1 = chatroom, 2 = private")]
Category = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,32}\Z")]
Content = Annotated[str, Meta(min_length=1)]
RequestId = Annotated[str, Meta(min_length=1, max_length=64)]
HistoryCount = Annotated[int, Meta(ge=1, le=100)]
SessionCount = Annotated[int, Meta(ge=1, le=200)]
MemberCount = Annotated[int, Meta(ge=1, le=1000)]
NewName = Annotated[str, Meta(min_length=1, max_length=64, extra_json_schema=_NAME)]
Seconds = Annotated[int, Meta(ge=0, le=31_536_000)]  # up to a year
Role = Literal["owner", "admin", "member"]


def none_if_unset(value: T | UnsetType) -> T | None:
    """Return the value of an optional field, None if it was left out."""
    return None if value is UNSET else value
