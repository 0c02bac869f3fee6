"""What gim keeps and hands out, as immutable records; the edges write them to the wire field by field.

None of them can be part of a reference cycle, so the garbage collector does not track them.
Times are Unix milliseconds. Field names and their order are those of docs/protocol.md.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Literal

from msgspec import UNSET, Struct, UnsetType


class MessageStatus(IntEnum):
    """The status of a message. The content of a recalled one is empty."""

    NORMAL = 1
    RECALLED = 2


class Role(StrEnum):
    """Roles in a chatroom."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class EventType(StrEnum):
    """Types of events."""

    RENAMED = "renamed"
    DISMISSED = "dismissed"
    REMOVED = "removed"
    MUTED = "muted"
    APPOINTED = "appointed"
    RECALLED = "recalled"
    READ = "read"
    BROADCAST = "broadcast"


class User(Struct, frozen=True, gc=False):
    """A user: an id that has logged in."""

    id: str
    name: str


class UserState(Struct, frozen=True, gc=False):
    """A user, and whether any connection of theirs is logged in at any node."""

    id: str
    name: str
    online: bool


class Member(Struct, frozen=True, gc=False):
    """A member of a chatroom: a `UserState` with the role."""

    id: str
    name: str
    online: bool
    role: str


class ChatroomState(Struct, frozen=True, gc=False):
    """A chatroom as the administrator sees it.

    ``owner_id`` is "" for none. One that ``is_kept`` stays without members, until it is dismissed.
    """

    id: str
    name: str
    owner_id: str
    members: int
    is_kept: bool


class Message(Struct, frozen=True, gc=False):
    """A stored message. Ids of one session rise strictly in the order of storing."""

    id: str
    session_id: str
    sender: User
    category: str
    content: str
    sequence: int
    status: int
    created_at: int


class Sent(Struct, frozen=True, gc=False):
    """The reply to a sender about the message just stored."""

    id: str
    session_id: str
    sequence: int
    created_at: int


class SessionHead(Struct, frozen=True, gc=False):
    """A session as its reader sees it: the title of a private one is the peer's name."""

    id: str
    type: int
    title: str


class Push(Struct, frozen=True, dict=True):
    """Messages of one session on their way to connections.

    ``skipped`` counts the older messages that an interval left out. Its ``__dict__`` caches its encoded
    frame by codec name: the first connection that writes it encodes it.
    """

    session: SessionHead
    items: list[Message]
    skipped: int = 0


class Event(Struct, frozen=True, dict=True, omit_defaults=True):
    """Something other than a message that happened, on its way to connections.

    ``by`` is who did it. What a type has no use for is left out: docs/protocol.md, section 6, has the
    table. ``unread`` may be 0, so only UNSET is left out. It holds its own frames as a `Push` does.
    """

    type: str
    by: str
    session_id: str = ""
    user_id: str = ""
    message_id: str = ""
    name: str = ""
    role: str = ""
    until: int = 0
    category: str = ""
    content: str = ""
    created_at: int = 0
    unread: int | UnsetType = UNSET


class History(Struct, frozen=True):
    """Messages in ascending order, and whether there are older ones."""

    items: list[Message]
    has_more: bool


class SessionItem(Struct, frozen=True):
    """One line of a user's session list."""

    id: str
    type: int
    title: str
    last: Message | None
    unread: int


class SessionPage(Struct, frozen=True):
    """Sessions, newest conversation first; ``cursor`` leads to the next page, "" after the last."""

    items: list[SessionItem]
    cursor: str


class MemberPage(Struct, frozen=True):
    """Members in order of id, how many there are in all, and the cursor as in `SessionPage`."""

    items: list[Member]
    total: int
    cursor: str


class Joined(Struct, frozen=True):
    """The session of a chatroom that was joined, and how many members it has now."""

    session_id: str
    total: int


class Unread(Struct, frozen=True):
    """How many messages wait after the read position."""

    unread: int


class Until(Struct, frozen=True):
    """When a ban or a mute ends, 0 for one that was ended."""

    until: int


class Ban(Struct, frozen=True, gc=False):
    """When a user was banned last and until when; 0 for not, or not any more."""

    since: int
    until: int


class ConnectionState(Struct, frozen=True):
    """A connection that is logged in: at which node, from which address, since when."""

    key: str
    node: str
    peer: str
    since: int


class ConnectionList(Struct, frozen=True):
    """Connections of one user."""

    items: list[ConnectionState]


class UserPage(Struct, frozen=True):
    """Users, and the cursor as in `SessionPage`. A page may be short before the end."""

    items: list[UserState]
    cursor: str


class ChatroomInfo(ChatroomState, frozen=True):
    """A chatroom, with what happens there at all nodes.

    ``connections`` are those of its members, ``messages`` those that they got in a second of late.
    """

    connections: int
    messages: float


class ChatroomPage(Struct, frozen=True):
    """Chatrooms, and the cursor as in `SessionPage`. A page may be short before the end."""

    items: list[ChatroomInfo]
    cursor: str


class UserDetails(Struct, frozen=True):
    """A user, with the ids of their chatrooms, their last ban, and their connections at any node."""

    id: str
    name: str
    online: bool
    chatrooms: list[str]
    ban: Ban
    connections: list[ConnectionState]


class Counts(Struct, frozen=True):
    """What a node has now, and how many messages it has stored since its start."""

    connections: int = 0
    users: int = 0
    chatrooms: int = 0
    messages: int = 0


class NodeCounts(Counts, frozen=True, kw_only=True):
    """The counts of one node; ``node`` is its name for as long as it runs."""

    node: str


class Statistics(Struct, frozen=True):
    """The sums over all nodes, and each of them."""

    total: Counts
    nodes: list[NodeCounts]


class OptionInForce(Struct, frozen=True):
    """An option of the server, or a secret in its environment, whose value is hidden.

    ``origin`` is "default", "command line", the name of a variable, or a file with its line and key.
    ``value`` and ``default`` are null for no value.
    """

    name: str
    value: str | None
    default: str | None
    origin: str
    help: str


class ServerOptions(Struct, frozen=True):
    """What a server is, and its options; ``node`` and the kind of its storage are its own."""

    version: str
    node: str
    workers: int
    storage: Literal["memory", "redis"]
    items: list[OptionInForce]


class LoggedIn(Struct, frozen=True):
    """What a connection learns at login. ``missed`` counts the messages of the pushes that follow."""

    user: User
    token: str
    server_time: int
    epoch: str
    missed: int
    recovered: bool


class Credentials(Struct, frozen=True):
    """What a login over HTTP yields."""

    user: User
    token: str


class ServerTime(Struct, frozen=True):
    """The answer to a heartbeat."""

    server_time: int


class Readiness(Struct, frozen=True, omit_defaults=True):
    """That the server can serve, and with ``warnings`` what its operator should set right."""

    warnings: tuple[str, ...] = ()


class Nothing(Struct, frozen=True):
    """The answer where there is nothing to say."""


NOTHING = Nothing()
