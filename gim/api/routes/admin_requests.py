"""Requests of the administrator: one struct for each body in docs/administration.md."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from gim.wire.fields import Category, Content, Id, Name, NewName, RequestId, Role, SessionType

BanSeconds = Annotated[int, Meta(ge=1, le=31_536_000 * 10)]  # up to ten years
MuteSeconds = Annotated[int, Meta(ge=1, le=31_536_000)]


class SendAsRequest(Struct, frozen=True):
    """A message from a user, or from the system if ``sender_id`` is not given."""

    type: SessionType
    target_id: Id
    content: Content
    sender_id: Id = ""
    category: Category = "text"
    request_id: RequestId = ""


class BroadcastRequest(Struct, frozen=True):
    """An event for all connected users."""

    content: Content
    category: Category = "text"


class ChatroomBroadcastRequest(Struct, frozen=True):
    """A message from the system to a chatroom."""

    content: Content
    category: Category = "text"
    request_id: RequestId = ""


class BanRequest(Struct, frozen=True):
    """For how long to ban, from now."""

    seconds: BanSeconds


class CreateChatroomRequest(Struct, frozen=True):
    """A new chatroom. An empty name becomes ``chatroom:<id>``; without ``owner_id`` it has no owner."""

    name: Name = ""
    owner_id: Id = ""


class RenameChatroomRequest(Struct, frozen=True):
    """The new name of a chatroom."""

    name: NewName


class MemberRequest(Struct, frozen=True):
    """The role of a member."""

    role: Role | UnsetType = UNSET


class MuteMemberRequest(Struct, frozen=True):
    """For how long to mute, from now."""

    seconds: MuteSeconds
