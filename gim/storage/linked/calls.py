"""What a worker and the store of the parent say to each other: tags 10-99 of `gim.link.messages`.

Sessions go over the link by their ids. Records of `gim.model` and announcements go as they are. What
every chat message needs is flat, which halves its cost.
"""

from __future__ import annotations

from msgspec import Struct

from gim.link.messages import Question, Reply
from gim.model import ConnectionState, Event, Message, User
from gim.storage.announcements import (
    Broadcast,
    ConnectionCommand,
    MemberJoined,
    MemberLeft,
    NodeMessage,
    SessionEvent,
)
from gim.storage.interface import Position

# messages


class Append(Question, tag=10, kw_only=True):
    """A `gim.storage.interface.Draft`; answered with `Appended`."""

    session_id: str
    sender_id: str
    sender_name: str
    content: str
    category: str
    request_id: str
    origin: str
    is_alone: bool
    as_admin: bool
    answer_by: float  # in seconds of the monotonic clock, which all processes of a machine share


class Appended(Reply, tag=11):
    """A `gim.model.Sent` without the session."""

    id: str
    sequence: int
    created_at: int


class MessageNews(Struct, array_like=True, gc=False, tag=12):
    """A `gim.storage.announcements.MessageStored`."""

    id: str
    session_id: str
    sender_id: str
    sender_name: str
    category: str
    content: str
    sequence: int
    status: int
    created_at: int
    title: str
    origin: str
    reader: str


class History(Question, tag=13, kw_only=True):
    """See `gim.storage.interface.Messages.history`."""

    session_id: str
    reader: str
    before: str | None
    count: int


class NewestRank(Question, tag=14):
    """See `gim.storage.interface.Messages.newest_rank`."""


class Sessions(Question, tag=15, kw_only=True):
    """See `gim.storage.interface.Messages.sessions`."""

    user_id: str
    kind: int | None
    after: Position | None
    count: int
    since: str


class MarkRead(Question, tag=16, kw_only=True):
    """See `gim.storage.interface.Messages.mark_read`."""

    session_id: str
    reader: str
    message_id: str


class Missed(Question, tag=17, kw_only=True):
    """See `gim.storage.interface.Messages.missed`."""

    user_id: str
    since: str | None
    limit: int


class MissedMessages(Struct, array_like=True, gc=False):
    """A `gim.storage.interface.Missed` of the memory store, which leaves no messages for later."""

    messages: list[Message]
    titles: dict[str, str]
    complete: bool


class Delivered(Struct, array_like=True, gc=False, tag=18):
    """The newest delivery marks by user."""

    marks: dict[str, str]


# users, and what a worker is subscribed to
#
# A *grant* tells a worker that it is subscribed to chatrooms from now on. The store numbers its grants,
# and a worker that unsubscribes names the last one that it got. If the store has granted the chatroom
# again since, the worker did not know of it, and stays subscribed.


class PutUser(Question, tag=20, kw_only=True):
    """See `gim.storage.interface.Users.put`."""

    user_id: str
    name: str | None


class GetUser(Question, tag=21, kw_only=True):
    """See `gim.storage.interface.Users.get`."""

    user_id: str


class Enter(Question, tag=22, kw_only=True):
    """A `gim.storage.interface.Entry`; answered with `Entered`."""

    user_id: str
    name: str | None
    since: str | None
    limit: int
    answer_by: float  # as in `Append`


class Entered(Reply, tag=23):
    """A `gim.storage.interface.Entrance`, with the grant of its chatrooms."""

    grant: int
    user: User
    chatroom_ids: list[str]
    missed: MissedMessages


class Exit(Struct, array_like=True, gc=False, tag=24):
    """See `gim.storage.interface.Users.exit`."""

    user_id: str


class Join(Question, tag=25, kw_only=True):
    """Answered with `Granted`."""

    chatroom_id: str
    user: User
    name: str
    create_missing: bool


class Subscribe(Question, tag=26, kw_only=True):
    """Answered with `Granted`."""

    chatroom_id: str


class Granted(Reply, tag=27):
    """``members`` is the number of members after a `Join`."""

    grant: int
    members: int = 0


class Unsubscribe(Struct, array_like=True, gc=False, tag=28):
    """``seen`` is the last grant that the worker got."""

    chatroom_id: str
    seen: int


class FindUsers(Question, tag=29, kw_only=True):
    """See `gim.storage.interface.Users.find`."""

    prefix: str
    cursor: str
    count: int
    online_only: bool


# chatrooms


class Create(Question, tag=30, kw_only=True):
    """See `gim.storage.interface.Chatrooms.create`."""

    chatroom_id: str
    name: str
    owner: User | None


class Leave(Question, tag=31, kw_only=True):
    """See `gim.storage.interface.Chatrooms.leave`."""

    chatroom_id: str
    user_id: str


class Members(Question, tag=32, kw_only=True):
    """See `gim.storage.interface.Chatrooms.members`."""

    chatroom_id: str
    reader: str
    after: str
    count: int


class ChatroomsOf(Question, tag=33, kw_only=True):
    """See `gim.storage.interface.Chatrooms.of_user`."""

    user_id: str


class Observe(Struct, array_like=True, gc=False, tag=34):
    """Tell of all memberships that begin or end, with `Observed`."""


class Observed(Struct, array_like=True, gc=False, tag=35):
    """One of the two is None."""

    joined: MemberJoined | None
    left: MemberLeft | None


class GetChatroom(Question, tag=36, kw_only=True):
    """See `gim.storage.interface.Chatrooms.get`."""

    chatroom_id: str


class FindChatrooms(Question, tag=37, kw_only=True):
    """See `gim.storage.interface.Chatrooms.find`."""

    prefix: str
    cursor: str
    count: int


# moderation


class Rename(Question, tag=40, kw_only=True):
    """See `gim.storage.interface.Moderation.rename`."""

    chatroom_id: str
    by: str
    name: str


class Dismiss(Question, tag=41, kw_only=True):
    """See `gim.storage.interface.Moderation.dismiss`."""

    chatroom_id: str
    by: str


class Remove(Question, tag=42, kw_only=True):
    """See `gim.storage.interface.Moderation.remove`."""

    chatroom_id: str
    by: str
    user_id: str


class Mute(Question, tag=43, kw_only=True):
    """See `gim.storage.interface.Moderation.mute`."""

    chatroom_id: str
    by: str
    user_id: str
    duration_ms: int


class Appoint(Question, tag=44, kw_only=True):
    """See `gim.storage.interface.Moderation.appoint`."""

    chatroom_id: str
    by: str
    user_id: str
    role: str


class Recall(Question, tag=45, kw_only=True):
    """See `gim.storage.interface.Moderation.recall`."""

    session_id: str
    by: str
    message_id: str


class BanUser(Question, tag=46, kw_only=True):
    """See `gim.storage.interface.Moderation.ban`."""

    user_id: str
    duration_ms: int
    remember_ms: int


class Unban(Question, tag=47, kw_only=True):
    """See `gim.storage.interface.Moderation.unban`."""

    user_id: str


class BanOf(Question, tag=48, kw_only=True):
    """See `gim.storage.interface.Moderation.ban_of`."""

    user_id: str


# nodes, numbers of webhook events, and the storage as a whole


class CommandConnections(Question, tag=50, kw_only=True):
    """See `gim.storage.interface.Nodes.command_connections`."""

    command: ConnectionCommand


class CommandReply(Struct, array_like=True, gc=False, tag=51):
    """See `gim.storage.interface.Nodes.reply_to_command`."""

    command: ConnectionCommand
    connections: list[ConnectionState]


class BroadcastEvent(Question, tag=52, kw_only=True):
    """See `gim.storage.interface.Nodes.broadcast`."""

    event: Event


class Statistics(Question, tag=53):
    """See `gim.storage.interface.Nodes.statistics`."""


class NextEventNumber(Question, tag=54, kw_only=True):
    """See `gim.storage.interface.WebhookLog.next_event_number`."""

    user_id: str
    online: bool | None
    key: str


class UsersToReannounce(Question, tag=55, kw_only=True):
    """See `gim.storage.interface.WebhookLog.users_to_reannounce`."""

    limit: int


class PingStore(Question, tag=56):
    """See `gim.storage.interface.Storage.ping`."""


class Tell(Struct, array_like=True, gc=False, tag=57):
    """See `gim.storage.interface.Nodes.tell`."""

    listener: str
    body: bytes


class Listeners(Question, tag=58):
    """See `gim.storage.interface.Nodes.listeners`."""


# other announcements


class MemberJoinedNews(Struct, array_like=True, gc=False, tag=60):
    """A `gim.storage.announcements.MemberJoined`, which is a grant too."""

    grant: int
    user_id: str
    chatroom_id: str


class MemberLeftNews(Struct, array_like=True, gc=False, tag=61):
    """Carries a `gim.storage.announcements.MemberLeft`."""

    news: MemberLeft


class SessionEventNews(Struct, array_like=True, gc=False, tag=62):
    """Carries a `gim.storage.announcements.SessionEvent`."""

    news: SessionEvent


class BroadcastNews(Struct, array_like=True, gc=False, tag=63):
    """Carries a `gim.storage.announcements.Broadcast`."""

    news: Broadcast


class CommandNews(Struct, array_like=True, gc=False, tag=64):
    """Carries a `gim.storage.announcements.ConnectionCommand`."""

    news: ConnectionCommand


class NodeMessageNews(Struct, array_like=True, gc=False, tag=65):
    """Carries a `gim.storage.announcements.NodeMessage`."""

    news: NodeMessage


class StoreServes(Struct, array_like=True, gc=False, tag=66):
    """The parent's store serves: *epoch* is that of its data."""

    epoch: str


TO_STORE = (
    *(Append, History, NewestRank, Sessions, MarkRead, Missed, Delivered),
    *(PutUser, GetUser, FindUsers, Enter, Exit, Join, Subscribe, Unsubscribe),
    *(Create, Leave, Members, ChatroomsOf, Observe, GetChatroom, FindChatrooms),
    *(Rename, Dismiss, Remove, Mute, Appoint, Recall, BanUser, Unban, BanOf),
    *(CommandConnections, CommandReply, BroadcastEvent, Statistics, Tell, Listeners),
    *(NextEventNumber, UsersToReannounce, PingStore),
)
TO_WORKER = (
    *(Appended, MessageNews, Entered, Granted, Observed),
    *(MemberJoinedNews, MemberLeftNews, SessionEventNews, BroadcastNews, CommandNews, NodeMessageNews),
    StoreServes,
)
