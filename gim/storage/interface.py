"""The Storage seam: what `Chat` asks of whatever keeps the data.

Nothing outside this package may assume that the data is near or that a call is instant: every
question is a coroutine, and whatever changes for a user or a chatroom that somebody here watches
comes back as an announcement. Records that are handed out are immutable.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from gim.ids import Session
from gim.model import (
    Ban,
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

Position = tuple[str, str]  # rank id and session id of the last line of a page of sessions


class Draft(Struct, frozen=True):
    """A message to store.

    ``request_id`` is "" where the sender gave none. ``origin`` names the connection it came from,
    "" for none, and comes back in the announcement. ``is_alone`` says that the sender has no other
    connection here, so that here nobody waits for an announcement to the sender. ``as_admin`` says
    that an administrator sends it: a chatroom takes it from anybody, muted or no member at all.
    """

    session: Session
    sender: User
    content: str
    category: str = "text"
    request_id: str = ""
    origin: str = ""
    is_alone: bool = False
    as_admin: bool = False


class MessageStored(Struct, frozen=True, gc=False):
    """A message was stored.

    A private message is announced for each of the two people who is watched: ``reader`` is which, and
    ``title`` is how they see the session. For a chatroom message ``reader`` is "".
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
    """A user is no member of a chatroom any more: ``why`` is "" for one who left, else the type of event
    that ended it, and ``by`` who did it."""

    user_id: str
    chatroom_id: str
    why: str = ""
    by: str = ""


class SessionEvent(Struct, frozen=True):
    """An event in a session. For a private one it is announced as in `MessageStored`."""

    session: Session
    event: Event
    reader: str


class Broadcast(Struct, frozen=True):
    """An event for everybody who is connected."""

    event: Event


class ConnectionCommand(Struct, frozen=True):
    """An order about the connections of a watched user, or about the one named ``key`` unless it is "".

    ``action`` is `LIST` or `CLOSE`. What it concerned is told by `Storage.answer`.
    """

    user_id: str
    action: str
    key: str = ""
    ask: str = ""


class Memberships(Struct, frozen=True, gc=False):
    """All chatrooms of a watched user, after announcements may have been missed."""

    user_id: str
    chatroom_ids: frozenset[str]


class DataSetReplaced(Struct, frozen=True, gc=False):
    """The data was lost: another data set is served from now on. Whatever was watched must be watched
    again."""

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
)

LIST = "list"  # actions of `ConnectionCommand`
CLOSE = "close"

RECALL_WITHIN = 120_000  # ms in which senders may recall their own messages


class Listener(Protocol):
    """Whom a storage tells what happened."""

    def on_announcement(self, news: Announcement) -> None:
        """Take *news* about a watched user or chatroom. Never raises, never waits."""

    def counts(self) -> Counts:
        """Return what is here now, without the messages. Never raises, and costs little."""


class Missed(Struct, frozen=True):
    """Private messages after a point, ascending, and the title of each of their sessions.

    ``complete`` is false when the limit cut them, or when any of them had been trimmed or had
    expired (looked at only for a point that the reader named).
    """

    messages: list[Message]
    titles: dict[str, str]
    complete: bool


class Storage(Protocol):
    """Users, chatrooms, sessions and messages.

    Every coroutine may raise `Unavailable`: then it is not known whether a change took place.
    Arguments have been checked against the rules of `gim.ids`; message ids are well formed.
    """

    node: str  # the name of this node, another one with each start

    @property
    def keeps_order(self) -> bool:
        """Say whether appends that are begun one after the other are stored in that order."""

    @property
    def outlives_process(self) -> bool:
        """Say whether what is stored is there for other processes, now or later."""

    async def start(self, listener: Listener) -> None:
        """Make ready to serve, and tell *listener* from now on what happens."""

    async def stop(self) -> None:
        """Give back what `start` took."""

    async def ping(self) -> None:
        """Return when the data can be reached."""

    async def epoch(self) -> str:
        """Return the name of the data set: another one when the data was lost."""

    async def token_key(self) -> bytes:
        """Return the key of the data set that signs tokens, 32 random bytes."""

    async def put_user(self, user_id: str, name: str | None, hold: bool = False) -> User:
        """Make the user, or rename them unless *name* is None; "" stands for the id.

        A user whom nothing refers to is forgotten; *hold* puts that off for some minutes, for a
        login that no connection stands behind. Raises `Forbidden` for one who is banned.
        """

    async def user(self, user_id: str) -> UserState:
        """Return a user who has logged in and is not forgotten, or raise `NotFound`."""

    async def append(self, draft: Draft) -> Sent:
        """Store a message in one atomic step: id, sequence, position, trim; then announce it.

        A draft whose ``request_id`` this sender has used in this session within the window is not
        stored again: the first answer is returned, to a former member as well. A chatroom raises
        `NotFound` when there is none, `Forbidden` when the sender is no member or is muted.
        """

    async def history(
        self, session: Session, reader: str, before: str | None, count: int
    ) -> tuple[list[Message], bool]:
        """Return up to *count* messages, ascending, the newest or those before *before*; and whether
        there are older ones. A chatroom raises as in `append`."""

    async def sessions(
        self, user_id: str, kind: int | None, after: Position | None, count: int
    ) -> tuple[list[SessionItem], Position | None]:
        """Return a page of a user's sessions, newest first, and where the next one begins."""

    async def mark_read(self, session: Session, reader: str, message_id: str) -> int:
        """Move the read position, never backwards and never past the newest message.

        Returns the number of messages after it. A chatroom raises as in `append`.
        """

    async def join(self, chatroom_id: str, user: User, name: str, create_missing: bool = True) -> int:
        """Make *user* a member, and the chatroom if there is none; return the number of members.

        Whoever joins a chatroom without members owns it, but for one that `create` made. Unless it
        *makes* one, raises `NotFound` for no such chatroom. Raises `Conflict` if the chatroom has, or
        the user is in, as many as `gim.storage.membership_limits` allows.
        """

    async def leave(self, chatroom_id: str, user_id: str) -> None:
        """End a membership; not to be a member is fine. Raises `NotFound` for no such chatroom.

        When its owner leaves, a chatroom passes to the administrator who has been one the longest,
        without one to the member who comes first in order of id.
        """

    async def members(
        self, chatroom_id: str, reader: str, after: str, count: int
    ) -> tuple[list[Member], int, bool]:
        """Return members with ids above *after* in order of id, how many there are in all, and
        whether more follow. Raises as in `append`."""

    async def chatrooms(self, user_id: str) -> list[str]:
        """Return the ids of the chatrooms that the user is a member of."""

    async def missed(self, user_id: str, since: str | None, limit: int) -> Missed:
        """Return the newest *limit* private messages after a point, ascending.

        With *since*: all that are newer, one's own sending included, and where announcements do not
        keep the order of ids some that are older, once more. Without: those received after the
        catching-up mark.
        """

    def delivered(self, user_id: str, message_id: str) -> None:
        """Move the user's catching-up mark up to a private message that was written to a connection
        of theirs. May be recorded a little later."""

    async def subscribe_user(self, user_id: str) -> None:
        """Count the user as online, and announce from now on what happens to them. May be repeated.

        Raises `Forbidden` for one who is banned.
        """

    def unsubscribe_user(self, user_id: str) -> None:
        """End that: no connection of the user is left here."""

    def observe(self, observer: Listener) -> None:
        """Tell *observer* as well of every membership that a call made here begins or ends, whether the
        user is watched or not: `MemberJoined` or `MemberLeft`."""

    async def next_event_number(
        self, user_id: str, online: bool | None = None, key: str = ""
    ) -> int | None:
        """Count an event of the user; return its number, greater than those of the user's events before.

        It is greater by one while anything is known of the user, else it begins with the time in
        microseconds. With *online* the event is that the user came or went, which is recorded: None,
        and nothing counted, if it was recorded already under another *key*, and for one who went but is
        online, here or elsewhere. A key names one event, so that it can be asked again after
        `Unavailable`.
        """

    async def users_to_reannounce(self, limit: int) -> list[str]:
        """Return up to *limit* users whose presence this node must announce again, by
        `next_event_number`.

        Those are users of dead nodes (each given to one node), and this node's own if others took it for
        dead. Poll every second.
        """

    async def subscribe_chatroom(self, chatroom_id: str) -> None:
        """Announce from now on the messages of the chatroom. May be repeated."""

    def unsubscribe_chatroom(self, chatroom_id: str) -> None:
        """End that: no member is connected here any more."""

    # Roles. *by* is who asks, `gim.ids.SYSTEM` for the administrator of the server, who may do all of
    # it. No such chatroom raises `NotFound`; to be no member or not to have the role `Forbidden`; a
    # *user_id* who is no member `NotFound`. What happens is announced to whoever watches the chatroom.

    async def create(self, chatroom_id: str, name: str, owner: User | None) -> None:
        """Make a chatroom that stays until it is dismissed, and *owner* its first member. Without one
        nobody owns it. Raises `Conflict` if there is one already."""

    async def rename(self, chatroom_id: str, by: str, name: str) -> None:
        """Give a chatroom a name, as its owner or administrator."""

    async def dismiss(self, chatroom_id: str, by: str) -> None:
        """End a chatroom, its memberships and messages, as its owner or administrator.

        Raises `Unavailable` when it ended half-way: do it again.
        """

    async def remove(self, chatroom_id: str, by: str, user_id: str) -> None:
        """End somebody's membership, as the owner, or as an administrator that of a plain member."""

    async def mute(self, chatroom_id: str, by: str, user_id: str, duration: int) -> int:
        """Take messages of a member no more for *duration* ms, 0 to end that; return the end in Unix ms,
        0 for none. Who may is as in `remove`. Leaving and joining again does not end it."""

    async def appoint(self, chatroom_id: str, by: str, user_id: str, role: str) -> None:
        """Give a member a role, as the owner; who gives `OWNER` becomes an administrator."""

    async def recall(self, session: Session, by: str, message_id: str) -> None:
        """Empty a message: a stub stays with its sequence and the status `RECALLED`. May be repeated.

        In a chatroom its owner may, and its administrators if the sender is not of their rank; anywhere
        the sender within `RECALL_WITHIN`. Raises `NotFound` for no such message.
        """

    # Users and nodes, for the administrator of the server

    async def ban(self, user_id: str, duration: int, remember: int) -> int:
        """Refuse logins of a user for *duration* ms from now; return the end in Unix ms.

        When it began is remembered for *remember* ms at least. Connections are not closed by it.
        """

    async def unban(self, user_id: str) -> None:
        """End a ban now; that there was one stays remembered."""

    async def ban_of(self, user_id: str) -> Ban:
        """Return what is known of a ban."""

    async def order(self, order: ConnectionCommand) -> list[ConnectionState]:
        """Announce an order where its user is watched, and return what was answered within a second."""

    def answer(self, order: ConnectionCommand, connections: list[ConnectionState]) -> None:
        """Answer an order that was announced here."""

    async def broadcast(self, event: Event) -> None:
        """Announce an event at every node, once. Raises `Unavailable` when too many are under way."""

    async def statistics(self) -> list[NodeCounts]:
        """Return the counts of every node, up to two seconds old, in order of their names."""
