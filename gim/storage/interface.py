"""The interface between the chat and its data: what every storage offers, in groups.

Nothing outside this package may assume that the data is near or that a call is instant: every question is
a coroutine, and what changes for a user or chatroom that this node subscribes to comes back as an
announcement (`gim.storage.announcements`). Records that are handed out are immutable.

The rules of chatrooms (who may send, remove, mute, recall; see `gim.storage.rules`) are checked inside
the storage, in the same atomic step as the change. A check in front of the storage would race with other
nodes: a member could be removed, or an owner replaced, between the check and the change.

Every coroutine may raise `gim.errors.Unavailable`; whether a change took place is unknown then. Arguments
are checked before: ids follow `gim.ids`, message ids are well-formed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from gim.ids import Session
from gim.model import (
    Ban,
    ChatroomState,
    ConnectionState,
    Counts,
    Event,
    Member,
    Message,
    NodeCounts,
    Sent,
    SessionItem,
    User,
    UserState,
)
from gim.storage.announcements import Announcement, ConnectionCommand
from gim.storage.message_ids import FIRST

MAX_NODE_MESSAGE = 256 * 1024  # bytes of a message from one listener to others

Position = tuple[str, str]  # rank and session id of the last line of a page of sessions


class Draft(Struct, frozen=True, gc=False):
    """A message to store.

    ``request_id`` is "" if the sender gave none. ``origin`` names the connection that sends it, "" for
    none, and comes back in the announcement. ``is_alone`` says that the sender has no other connection to
    the listener of this storage, which then needs no announcement to the sender. ``as_admin`` says that
    an administrator sends it: a chatroom accepts it even from users who are muted or not members.
    ``answer_by`` is when the sender is to have an answer, in seconds of the monotonic clock: nothing is
    stored after that. None stands for the usual time from now.
    """

    session: Session
    sender: User
    content: str
    category: str = "text"
    request_id: str = ""
    origin: str = ""
    is_alone: bool = False
    as_admin: bool = False
    answer_by: float | None = None


class Entry(Struct, frozen=True):
    """A connection that logs in.

    ``name`` is the user's new name, "" for the id, None for the one they have. ``since`` and ``limit``
    say which messages it missed: see `Messages.missed`.
    """

    user_id: str
    name: str | None = None
    since: str | None = None
    limit: int = 0


class LaterMessages(Protocol):
    """Messages that are read when they are wanted: all of them may be too large to be kept."""

    ids: list[str]  # ascending

    async def read(self) -> list[Message]:
        """Return the next messages, ascending; none at the end.

        Messages that were removed meanwhile are left out. After `Unavailable` it may be repeated.
        """


class Missed(Struct, frozen=True):
    """Private messages after a point, ascending, and the titles of their sessions by session id.

    ``complete`` is false if the limit left some out. For a point that the reader named it is also false
    if some have been trimmed or have expired. ``later`` has the newer ones of many, None for few.
    """

    messages: list[Message]
    titles: dict[str, str]
    complete: bool
    later: LaterMessages | None = None

    @property
    def count(self) -> int:
        """The number of all messages."""
        return len(self.messages) + (len(self.later.ids) if self.later is not None else 0)


class Entrance(Struct, frozen=True):
    """What a connection finds that logs in: its user, their chatrooms, the messages it missed."""

    user: User
    chatroom_ids: list[str]
    missed: Missed


class Listener(Protocol):
    """The receiver of a storage's announcements."""

    def on_announcement(self, news: Announcement) -> None:
        """Take an announcement. Never raises, never waits."""

    def counts(self) -> Counts:
        """Return the counts of this node, without the messages. Never raises, and costs little."""


class MembershipObserver(Protocol):
    """The receiver of memberships that begin or end."""

    def on_announcement(self, news: Announcement) -> None:
        """Take a `MemberJoined` or `MemberLeft`. Never raises, never waits."""


class Users(Protocol):
    """Users and their presence.

    A user without connection, membership or message is forgotten later: see docs/protocol.md, op 101, and
    `gim.storage.rules.USERS_OUTLIVE_MESSAGES`.
    """

    async def put(self, user_id: str, name: str | None) -> User:
        """Create the user, or rename them unless *name* is None; a name of "" stands for the id.

        Raises `Forbidden` if the user is banned.
        """

    async def get(self, user_id: str) -> UserState:
        """Return a user who has logged in, or raise `NotFound`, also for a user who is forgotten."""

    async def find(
        self, prefix: str, cursor: str, count: int, online_only: bool
    ) -> tuple[list[UserState], str]:
        """Return a page of the users whose ids begin with *prefix*, and where the next page begins.

        *cursor* is "" for the first page, and comes back as "" after the last one. A page has about
        *count* users, and may be short or empty before the end. Each user who exists all the time comes
        once at least, on Redis unless a server is replaced meanwhile. May raise `BadRequest` for a
        cursor that no page has given.
        """

    async def enter(self, entry: Entry, admit: Callable[[list[str]], None]) -> Entrance:
        """Log a connection in: `put`, and count one connection more of the user at this node.

        What happens to the user, and in their chatrooms, is announced from now on; nothing is missed
        between `Entrance.missed` and the announcements. *admit* is called with the ids of the chatrooms
        once they are known, and may refuse the login by raising an error. Raises `Forbidden` if the user
        is banned, `TooManyConnections` if they have as many connections as the limit allows. After any
        error the connection is not counted.
        """

    def exit(self, user_id: str) -> bool:
        """Count one connection less; return whether it was the user's last one.

        With the last one at this node the user is offline here, and the announcements to them end.
        """


class Messages(Protocol):
    """Messages, and the sessions that they make up."""

    async def append(self, draft: Draft, /) -> Sent:
        """Store a message in one atomic step: id, sequence, position, trim. Then announce it.

        If this sender has used the ``request_id`` in this session within the last
        `gim.storage.rules.REQUEST_ID_WINDOW` seconds, and the session still holds that message, recalled
        or not, nothing is stored: the first answer is returned, even to a former member, or `Conflict`
        raised if content or category differ. For a chatroom, raises `NotFound` if it does not exist,
        `Forbidden` if the sender is muted or not a member. Raises `TooManyRequests` above the sender's
        send rate.
        """

    @property
    def append_at_once(self) -> Callable[[Draft], Sent] | None:
        """What does the same as `append` before it returns, without the cost of a coroutine; None where
        an answer takes time.

        Read it anew for each message: it may change.
        """

    async def history(
        self, session: Session, reader: str, before: str | None, count: int
    ) -> tuple[list[Message], bool]:
        """Return up to *count* messages, ascending, and whether there are older ones.

        They are the newest, or the newest before the message *before*. For a chatroom, raises `NotFound`
        if it does not exist, `Forbidden` if the reader is not a member. `gim.ids.SYSTEM` may read every
        session.
        """

    def newest_rank(self) -> str:
        """Return a rank that is below that of each session that gets a message or a member from now on.

        Some sessions that moved just before may be above it.
        """

    async def sessions(
        self, user_id: str, kind: int | None, after: Position | None, count: int, since: str = FIRST
    ) -> tuple[list[SessionItem], Position | None]:
        """Return a page of a user's sessions, newest first, and where the next page begins.

        Only those whose rank is above *since*.
        """

    async def mark_read(self, session: Session, reader: str, message_id: str) -> int:
        """Move the read position forwards, at most to the newest message.

        Returns the number of messages after it, without recalled ones. If fewer are left than
        before, the event ``read`` is announced to the reader. For a chatroom, raises as `history` does;
        `gim.ids.SYSTEM` does not have a read position.
        """

    async def missed(self, user_id: str, since: str | None, limit: int) -> Missed:
        """Return the newest *limit* private messages after a point, ascending.

        With *since*, a message id: all newer ones, including those that the user sent. Where
        announcements do not keep the order of ids, some older ones come again. Without: the messages
        received after the delivery mark.
        """

    def delivered(self, user_id: str, message_id: str) -> None:
        """Move the user's delivery mark forwards to a private message that one of their connections got.

        The storage may record it a little later.
        """


class Chatrooms(Protocol):
    """Chatrooms and their members."""

    async def create(self, chatroom_id: str, name: str, owner: User | None) -> None:
        """Create a chatroom that stays until it is dismissed, with *owner* as its first member.

        With None it has no owner. Raises `Conflict` if the chatroom exists, or if the owner has reached
        the limit of chatrooms; then there is no chatroom.
        """

    async def join(self, chatroom_id: str, user: User, name: str, create_missing: bool = True) -> int:
        """Make *user* a member; return the number of members.

        A missing chatroom is created with *name*, or raises `NotFound` if *create_missing* is false. The
        user who creates it so owns it. If the user is connected at this node, what happens in the
        chatroom is announced from now on. Raises `Conflict` if the chatroom has as many members, or the
        user is in as many chatrooms, as `gim.storage.storage_limits` allows.
        """

    async def leave(self, chatroom_id: str, user_id: str) -> None:
        """End a membership, if there is one. Raises `NotFound` if the chatroom does not exist.

        With its last member a chatroom is forgotten, messages included, unless `create` made it.

        When its owner leaves, a chatroom passes to the administrator appointed first, or without any to
        the member with the smallest id.
        """

    async def members(
        self, chatroom_id: str, reader: str, after: str, count: int
    ) -> tuple[list[Member], int, bool]:
        """Return a page of members, the total number of members, and whether more follow.

        The page holds up to *count* members with ids above *after*, in order of id. Raises `NotFound` if
        the chatroom does not exist, `Forbidden` if the reader is not a member. `gim.ids.SYSTEM` may
        read all.
        """

    async def get(self, chatroom_id: str) -> ChatroomState:
        """Return a chatroom, or raise `NotFound`."""

    async def find(self, prefix: str, cursor: str, count: int) -> tuple[list[ChatroomState], str]:
        """Return a page of the chatrooms whose ids begin with *prefix*, as `Users.find` does of users."""

    async def of_user(self, user_id: str) -> list[str]:
        """Return the ids of the chatrooms that the user is a member of."""

    async def subscribe(self, chatroom_id: str) -> None:
        """Announce from now on what happens in the chatroom. May be repeated."""

    def unsubscribe(self, chatroom_id: str) -> None:
        """Stop the announcements: no member is connected to this node any more."""

    def observe(self, observer: MembershipObserver) -> None:
        """Report to *observer* every membership that a call made here begins or ends.

        This does not depend on subscriptions.
        """


class Moderation(Protocol):
    """What roles allow in a chatroom, recalls, and bans from the server.

    *by* is the user who asks, or `gim.ids.SYSTEM` for the administrator of the server, who may do
    everything. Methods with *by* and a chatroom announce what happened. They raise `NotFound` if the
    chatroom does not exist or *user_id* is not a member, and `Forbidden` if *by* is not a member or their
    role does not allow it.
    """

    async def rename(self, chatroom_id: str, by: str, name: str) -> None:
        """Rename a chatroom, as its owner or an administrator."""

    async def dismiss(self, chatroom_id: str, by: str) -> None:
        """End a chatroom, its memberships and messages, as its owner or an administrator.

        The chatroom is gone for all at once. With many members this returns after a second, while the
        rest of them is still being taken out. Until they all are, joining or creating a chatroom of this
        id raises `Conflict`. After `Unavailable` it may be half done: dismissing the chatroom again does
        the rest.
        """

    async def remove(self, chatroom_id: str, by: str, user_id: str) -> None:
        """End another member's membership. An administrator may end that of plain members only.

        What follows for the chatroom is as in `Chatrooms.leave`.
        """

    async def mute(self, chatroom_id: str, by: str, user_id: str, duration_ms: int) -> int:
        """Refuse messages of a member for *duration_ms*, 0 to end a mute.

        Returns the end in Unix ms, 0 for none. The roles that may mute are those of `remove`. Leaving and
        joining again does not end a mute.
        """

    async def appoint(self, chatroom_id: str, by: str, user_id: str, role: str) -> None:
        """Give a member a role, as the owner. An owner who appoints another becomes an administrator."""

    async def recall(self, session: Session, by: str, message_id: str) -> None:
        """Empty a message; a stub keeps its sequence, with the status `RECALLED`. May be repeated.

        The sender may recall within `gim.storage.rules.RECALL_WITHIN_MS`. In a chatroom its owner may at
        any time, its administrators unless the sender's rank is as high as theirs. Raises `NotFound` if
        the message does not exist.
        """

    async def ban(self, user_id: str, duration_ms: int, remember_ms: int) -> int:
        """Refuse logins of a user for *duration_ms* from now; return the end in Unix ms.

        The begin of the ban is remembered for at least *remember_ms*. Connections stay open.
        """

    async def unban(self, user_id: str) -> None:
        """End a ban now. Its begin stays remembered."""

    async def ban_of(self, user_id: str) -> Ban:
        """Return the last ban of a user."""


class Nodes(Protocol):
    """What reaches all nodes that share the data."""

    async def command_connections(self, command: ConnectionCommand) -> list[ConnectionState]:
        """Announce a command where its user is subscribed to; return the answers of one second."""

    def reply_to_command(self, command: ConnectionCommand, connections: list[ConnectionState]) -> None:
        """Answer a command that was announced here with the connections that it concerned."""

    async def broadcast(self, event: Event) -> None:
        """Announce an event at every node, once. Raises `Unavailable` if too many are under way."""

    async def statistics(self) -> list[NodeCounts]:
        """Return the counts of every node, up to two seconds old, in order of their names."""

    def tell(self, listener: str, body: bytes) -> None:
        """Announce a `NodeMessage` of up to `MAX_NODE_MESSAGE` bytes to one listener by its name.

        With "" it goes to every listener, this one included. It may be lost, never comes twice, and
        messages from one listener to another keep their order. Never raises, never waits.
        """

    async def listeners(self) -> list[str]:
        """Return the names of all listeners that are known to run, this one included.

        One that has just started may be missing, one that has just ended may still be there.
        """


class WebhookLog(Protocol):
    """The numbers of users' webhook events, and which users were reported online."""

    async def next_event_number(
        self, user_id: str, online: bool | None = None, key: str = ""
    ) -> int | None:
        """Count an event of the user; return its number.

        Numbers rise by one while the user is remembered, else restart at the time in microseconds. With
        *online* the event is a presence change: None, and nothing is counted, if it was already recorded
        under another *key*, or if the user went but is still connected, here or elsewhere. *key* makes a
        retry after `Unavailable` safe.
        """

    async def users_to_reannounce(self, limit: int) -> list[str]:
        """Return up to *limit* users whose presence this node must report again.

        They are users of dead nodes or earlier processes, each given to one node, and this node's own if
        others took it for dead. Poll every second.
        """


class Storage(Protocol):
    """A storage: its life-cycle, and its groups."""

    node: str  # the name of this node, a new one with each start
    listener: str  # that of its listener: workers with one storage are one node, but a listener each

    @property
    def users(self) -> Users: ...

    @property
    def messages(self) -> Messages: ...

    @property
    def chatrooms(self) -> Chatrooms: ...

    @property
    def moderation(self) -> Moderation: ...

    @property
    def nodes(self) -> Nodes: ...

    @property
    def webhook_log(self) -> WebhookLog: ...

    @property
    def keeps_order(self) -> bool:
        """Say whether appends are stored in the order in which they were begun."""

    @property
    def rows_per_subscription(self) -> int:
        """Return what subscribing to a chatroom costs a node, in rows of `gim.limits.read_rate`."""

    @property
    def subscribes_new_members(self) -> bool:
        """Return whether a node is subscribed to a chatroom when it hears `MemberJoined`."""

    @property
    def outlives_process(self) -> bool:
        """Say whether the data is there for other processes, now or later."""

    async def start(self, listener: Listener) -> None:
        """Get ready to serve, and send announcements to *listener* from now on."""

    async def stop(self) -> None:
        """Release what `start` took."""

    async def ping(self) -> tuple[str, ...]:
        """Return when the data can be reached, with a sentence for each setting that endangers it."""

    async def epoch(self) -> str:
        """Return the name of the data set; it changes when the data was lost."""

    def token_key(self) -> bytes:
        """Return the data set's key for signing tokens, 32 random bytes; raises `Unavailable` before a
        data set is known."""
