"""Queries of the administrator, as docs/administration.md has them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from gim.wire.fields import (
    Cursor,
    HistoryCount,
    MemberCount,
    MessageId,
    SessionCount,
    SessionType,
)

Prefix = Annotated[str, Meta(max_length=64, description="what the ids begin with")]
Online = Annotated[bool, Meta(description="only users who are online")]
Order = Annotated[
    Literal["id", "connections", "messages"],
    Meta(description="all chatrooms; or in one page those with most connections or messages now"),
]


class UsersQuery(Struct, frozen=True):
    """Which users."""

    prefix: Prefix = ""
    cursor: Cursor = ""
    count: MemberCount = 100
    online: Online = False


class SessionsQuery(Struct, frozen=True):
    """Which sessions of a user, of which type, or of both."""

    count: SessionCount = 50
    cursor: Cursor = ""
    type: SessionType | UnsetType = UNSET


class ChatroomsQuery(Struct, frozen=True):
    """Which chatrooms. The busiest come without a cursor."""

    prefix: Prefix = ""
    cursor: Cursor = ""
    count: SessionCount = 50
    sort: Order = "id"


class MembersQuery(Struct, frozen=True):
    """Which members of a chatroom."""

    cursor: Cursor = ""
    count: MemberCount = 100


class MessagesQuery(Struct, frozen=True):
    """The newest messages, or those just before one."""

    before: MessageId | UnsetType = UNSET
    count: HistoryCount = 20
