"""The operations of the WebSocket protocol: docs/protocol.md, section 5.

Each is declared once, by `operation` on the struct of its request: its op code with its name, the struct
of the request and that of the reply's data. The rest is derived from `OPERATIONS`. An operation has, by
its name, a method of `gim.gateway.operations.Operations` (``on_mark_read``) and two messages in gim.proto
(``MarkReadRequest``, ``MarkReadData``).

Decoding ignores unknown fields and checks what a struct says of a field: type, length, range, pattern.
The chat checks ids and the length of content.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final, NamedTuple, TypeVar

from msgspec import UNSET, Struct, UnsetType

from gim import model
from gim.wire.fields import (
    Category,
    Content,
    Cursor,
    HistoryCount,
    Id,
    MemberCount,
    MessageId,
    Name,
    NewName,
    RequestId,
    Role,
    Seconds,
    SessionCount,
    SessionId,
    SessionType,
)

S = TypeVar("S", bound=Struct)


class Op(IntEnum):
    """Op codes. Those of requests are odd, and a reply has the one after its request's."""

    LOGIN = 101
    LOGOUT = 103
    HEARTBEAT = 105
    SEND = 201
    HISTORY = 203
    SESSIONS = 205
    PUSH = 207  # only the server sends it
    MARK_READ = 209
    RECALL = 211
    EVENT = 213  # only the server sends it
    JOIN = 301
    LEAVE = 303
    MEMBERS = 305
    RENAME = 307
    DISMISS = 309
    REMOVE = 311
    MUTE = 313
    APPOINT = 315


class Operation(NamedTuple):
    """What a client can request: its op code, and the structs of the request and of the reply's data."""

    op: Op
    request: type[Struct]
    reply: type[Struct]

    @property
    def name(self) -> str:
        """The name in lower case, such as ``mark_read``."""
        return self.op.name.lower()


OPERATIONS: Final[dict[int, Operation]] = {}  # by op code, a plain int: as packets have it


def operation(op: Op, reply: type[Struct]) -> Callable[[type[S]], type[S]]:
    """Declare an operation; the decorated struct is its request."""

    def register(request: type[S]) -> type[S]:
        OPERATIONS[op.value] = Operation(op, request, reply)
        return request

    return register


@operation(Op.LOGIN, reply=model.LoggedIn)
class LoginRequest(Struct, frozen=True):
    """Log in. ``since`` and ``epoch`` come together or not at all."""

    id: Id
    name: Name | UnsetType = UNSET
    token: str | UnsetType = UNSET
    since: MessageId | UnsetType = UNSET
    epoch: str | UnsetType = UNSET


@operation(Op.LOGOUT, reply=model.Nothing)
class LogoutRequest(Struct, frozen=True):
    """Log out; the connection stays open."""


@operation(Op.HEARTBEAT, reply=model.ServerTime)
class HeartbeatRequest(Struct, frozen=True):
    """Ask for the server's time."""


@operation(Op.SEND, reply=model.Sent)
class SendRequest(Struct, frozen=True, gc=False):
    """Send a message. ``request_id`` is "" if it was not given."""

    type: SessionType
    target_id: Id
    content: Content
    category: Category = "text"
    request_id: RequestId = ""


@operation(Op.HISTORY, reply=model.History)
class HistoryRequest(Struct, frozen=True):
    """Read messages of a session, the newest or those just before ``message_id``."""

    session_id: SessionId
    count: HistoryCount = 20
    message_id: MessageId | UnsetType = UNSET


@operation(Op.SESSIONS, reply=model.SessionPage)
class SessionsRequest(Struct, frozen=True):
    """List the user's sessions, newest conversation first."""

    count: SessionCount = 50
    cursor: Cursor = ""
    session_type: SessionType | UnsetType = UNSET


@operation(Op.MARK_READ, reply=model.Unread)
class MarkReadRequest(Struct, frozen=True):
    """Mark a session as read up to a message."""

    session_id: SessionId
    message_id: MessageId


@operation(Op.RECALL, reply=model.Nothing)
class RecallRequest(Struct, frozen=True):
    """Recall a message."""

    session_id: SessionId
    message_id: MessageId


@operation(Op.JOIN, reply=model.Joined)
class JoinRequest(Struct, frozen=True):
    """Join a chatroom. One that is created gets the name ``chatroom:<id>`` if ``name`` is empty."""

    id: Id
    name: Name = ""


@operation(Op.LEAVE, reply=model.Nothing)
class LeaveRequest(Struct, frozen=True):
    """Leave a chatroom."""

    id: Id


@operation(Op.MEMBERS, reply=model.MemberPage)
class MembersRequest(Struct, frozen=True):
    """List the members of a chatroom, in order of id."""

    id: Id
    count: MemberCount = 100
    cursor: Cursor = ""


@operation(Op.RENAME, reply=model.Nothing)
class RenameRequest(Struct, frozen=True):
    """Rename a chatroom."""

    id: Id
    name: NewName


@operation(Op.DISMISS, reply=model.Nothing)
class DismissRequest(Struct, frozen=True):
    """End a chatroom, with its memberships and messages."""

    id: Id


@operation(Op.REMOVE, reply=model.Nothing)
class RemoveRequest(Struct, frozen=True):
    """Remove a member from a chatroom."""

    id: Id
    user_id: Id


@operation(Op.MUTE, reply=model.Until)
class MuteRequest(Struct, frozen=True):
    """Mute a member for some seconds; 0 ends a mute."""

    id: Id
    user_id: Id
    seconds: Seconds


@operation(Op.APPOINT, reply=model.Nothing)
class AppointRequest(Struct, frozen=True):
    """Give a member of a chatroom another role."""

    id: Id
    user_id: Id
    role: Role
