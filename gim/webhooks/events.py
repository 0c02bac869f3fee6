"""Events: what is told, and how it is written."""

from __future__ import annotations

from uuid import uuid4

from msgspec import Struct, json

from gim import ids as gim_names
from gim.model import Message, Sent
from gim.storage.interface import Draft, MemberJoined, MemberLeft
from gim.webhooks import event_types


class Happening(Struct, frozen=True):
    """An event as it is written. ``time`` is in Unix milliseconds."""

    id: str
    type: str
    user_id: str
    number: int
    time: int
    data: object


class MessageData(Struct, frozen=True):
    """A message, the type of its session (1: chatroom, 2: private), and what or whom it was sent to."""

    message: Message
    session_type: int
    target_id: str


class ChatroomData(Struct, frozen=True):
    """A chatroom that somebody joined or left."""

    chatroom_id: str


class Nothing(Struct, frozen=True):
    """Where the type says it all."""


class WebhookEvent:
    """An event on its way. ``born`` is when it happened, in seconds.

    ``online`` says that the user came or went, None for other events. One that ``is_silent`` is
    recorded by the storage and told to nobody.
    """

    __slots__ = ("_data", "_number", "body", "born", "id", "is_silent", "online", "type", "user_id")

    def __init__(
        self, type: str, user_id: str, born: float, data: object, id: str = "", online: bool | None = None
    ) -> None:
        self.id = id or uuid4().hex
        self.type = type
        self.user_id = user_id
        self.born = born
        self.online = online
        self.is_silent = False
        self.body = b""
        self._data = data

    def write(self, number: int) -> None:
        """Make the body, the same for every attempt."""
        at = int(self.born * 1000)
        self.body = json.encode(Happening(self.id, self.type, self.user_id, number, at, self._data))


def sent(draft: Draft, sent: Sent, now: float) -> WebhookEvent:
    """A message was stored: a repeated request makes an event with the same id."""
    message = Message(
        sent.id,
        sent.session_id,
        draft.sender,
        draft.category,
        draft.content,
        sent.sequence,
        1,
        sent.created_at,
    )
    session = draft.session
    is_room = session.type == gim_names.CHATROOM
    target = session.parts[0] if is_room else session.peer_of(draft.sender.id)
    data = MessageData(message, session.type, target)
    return WebhookEvent(event_types.SENT, draft.sender.id, now, data, sent.id)


def membership(news: MemberJoined | MemberLeft, now: float) -> WebhookEvent:
    """A user joined or left a chatroom."""
    name = event_types.JOINED if isinstance(news, MemberJoined) else event_types.LEFT
    return WebhookEvent(name, news.user_id, now, ChatroomData(news.chatroom_id))


def presence(user_id: str, online: bool, now: float) -> WebhookEvent:
    """A user came or went."""
    return WebhookEvent(
        event_types.ONLINE if online else event_types.OFFLINE, user_id, now, Nothing(), online=online
    )
