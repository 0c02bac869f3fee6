"""Events: what happened, and the JSON in which the receiver gets it."""

from __future__ import annotations

from uuid import uuid4

from msgspec import Struct, json
from msgspec.structs import replace

from gim.concurrency.clocks import Moment
from gim.ids import CHATROOM
from gim.model import Message, Sent
from gim.storage.announcements import MemberJoined, MemberLeft
from gim.storage.interface import Draft
from gim.webhooks import event_types


class EventBody(Struct, frozen=True):
    """The JSON object that is posted. ``time`` is in Unix milliseconds."""

    id: str
    type: str
    user_id: str
    number: int
    time: int
    data: object


class MessageData(Struct, frozen=True):
    """A message, the type of its session (1: chatroom, 2: private), and the chatroom or the receiver."""

    message: Message
    session_type: int
    target_id: str


class ChatroomData(Struct, frozen=True):
    """The chatroom that the user joined or left."""

    chatroom_id: str


class NoData(Struct, frozen=True):
    """For an event without further data."""


class NumberedEvent(Struct, frozen=True):
    """An event with its final body, which every attempt posts."""

    id: str
    type: str
    user_id: str
    happened_at: float  # monotonic seconds
    body: bytes


class WebhookEvent(Struct, frozen=True):
    """An event that has no number yet. Its `id` stays the same through all attempts."""

    id: str
    type: str
    user_id: str
    happened: Moment
    data: object

    def numbered(self, number: int) -> NumberedEvent:
        """Return the event with the number that the storage gave it."""
        time_ms = self.happened.unix_ms
        body = json.encode(EventBody(self.id, self.type, self.user_id, number, time_ms, self.data))
        return NumberedEvent(self.id, self.type, self.user_id, self.happened.at, body)


class PresenceChange(WebhookEvent, frozen=True):
    """A user came online or went offline. The storage records a silent one, but it is not delivered."""

    online: bool
    is_silent: bool = False

    def silenced(self) -> PresenceChange:
        """Return the same change for the storage's record only."""
        return replace(self, is_silent=True)


def sent(draft: Draft, sent: Sent, now: Moment) -> WebhookEvent:
    """Return the event of a stored message. It has the message's id, also for a repeated request."""
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
    is_room = session.type == CHATROOM
    target = session.parts[0] if is_room else session.peer_of(draft.sender.id)
    data = MessageData(message, session.type, target)
    return WebhookEvent(sent.id, event_types.SENT, draft.sender.id, now, data)


def membership(news: MemberJoined | MemberLeft, now: Moment) -> WebhookEvent:
    """Return the event of a user who joined or left a chatroom."""
    name = event_types.JOINED if isinstance(news, MemberJoined) else event_types.LEFT
    return WebhookEvent(_new_id(), name, news.user_id, now, ChatroomData(news.chatroom_id))


def presence(user_id: str, online: bool, now: Moment) -> PresenceChange:
    """Return the event of a user who came online or went offline."""
    name = event_types.ONLINE if online else event_types.OFFLINE
    return PresenceChange(_new_id(), name, user_id, now, NoData(), online)


def _new_id() -> str:
    return uuid4().hex
