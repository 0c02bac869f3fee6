"""What the administrator asks: one struct for each body, as in docs/administration.md."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from gim.wire.fields import Category, Content, Id, Name, NewName, RequestId, Role, SessionType

BanSeconds = Annotated[int, Meta(ge=1, le=31_536_000 * 10)]  # up to ten years
MuteSeconds = Annotated[int, Meta(ge=1, le=31_536_000)]


class SendRequest(Struct, frozen=True):
    """A message of a user, or of the system when ``sender_id`` is not given."""

    type: SessionType
    target_id: Id
    content: Content
    sender_id: Id = ""
    category: Category = "text"
    request_id: RequestId = ""


class BroadcastRequest(Struct, frozen=True):
    """Something for everybody."""

    content: Content
    category: Category = "text"


class ChatroomBroadcastRequest(Struct, frozen=True):
    """A message of the system to a chatroom."""

    content: Content
    category: Category = "text"
    request_id: RequestId = ""


class BanRequest(Struct, frozen=True):
    """How long a ban lasts from now."""

    seconds: BanSeconds


class CreateRequest(Struct, frozen=True):
    """A chatroom to be. The name is ``chatroom:<id>`` when empty, and nobody owns it without owner."""

    name: Name = ""
    owner_id: Id = ""


class RenameRequest(Struct, frozen=True):
    """Another name of a chatroom."""

    name: NewName


class MemberRequest(Struct, frozen=True):
    """A role to give to a member."""

    role: Role | UnsetType = UNSET


class MuteRequest(Struct, frozen=True):
    """How long a mute lasts from now."""

    seconds: MuteSeconds
