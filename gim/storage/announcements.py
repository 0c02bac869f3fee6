"""What a storage announces: changes for the users and chatrooms that a node subscribes to."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from gim.ids import Session
from gim.model import Event, Message


class MessageStored(Struct, frozen=True, gc=False):
    """A message was stored.

    A private message is announced once for each of its two users who is subscribed to: ``reader`` is that
    user, and ``title`` is the session's title as they see it. For a chatroom message ``reader`` is "".
    ``origin`` is that of the `gim.storage.interface.Draft`.
    """

    message: Message
    session: Session
    title: str
    origin: str
    reader: str


class MemberJoined(Struct, frozen=True, gc=False):
    """A user became a member of a chatroom."""

    user_id: str
    chatroom_id: str


class MemberLeft(Struct, frozen=True, gc=False):
    """A membership ended.

    ``why`` is the type of the event that ended it, "" if the user left; ``by`` is the user who did it.
    """

    user_id: str
    chatroom_id: str
    why: str = ""
    by: str = ""


class SessionEvent(Struct, frozen=True):
    """An event in a session. ``reader`` is as in `MessageStored`.

    ``gone`` is a user who was a member until this event and gets nothing of it, "" for none: what they
    get follows from `MemberLeft`, which may come later.
    """

    session: Session
    event: Event
    reader: str
    gone: str = ""


class Broadcast(Struct, frozen=True):
    """An event for every connection."""

    event: Event


class ConnectionAction(StrEnum):
    """What a `ConnectionCommand` asks for; the answer lists the connections in both cases."""

    LIST = "list"
    CLOSE = "close"


class ConnectionCommand(Struct, frozen=True):
    """A command to the connections of a user, or only to the connection ``key`` unless that is "".

    A node that receives it answers with `gim.storage.interface.Nodes.reply_to_command`. ``ask`` is the
    storage's own name for this command, "" where it needs none.
    """

    user_id: str
    action: ConnectionAction
    key: str = ""
    ask: str = ""


class NodeMessage(Struct, frozen=True, gc=False):
    """A message that the listener *sender* sent by `gim.storage.interface.Nodes.tell`."""

    sender: str
    body: bytes


class Memberships(Struct, frozen=True, gc=False):
    """All chatrooms of a user, sent after announcements may have been missed."""

    user_id: str
    chatroom_ids: frozenset[str]


class DataSetReplaced(Struct, frozen=True, gc=False):
    """The data was lost, and another data set is served from now on. All subscriptions have ended."""

    epoch: str


Announcement = (
    MessageStored
    | MemberJoined
    | MemberLeft
    | Memberships
    | DataSetReplaced
    | SessionEvent
    | Broadcast
    | ConnectionCommand
    | NodeMessage
)
