"""Reads and writes what the scripts store and announce, in MessagePack."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, msgpack

from gim import ids
from gim.model import Event, EventType, Message, User
from gim.storage.announcements import (
    Announcement,
    ConnectionAction,
    ConnectionCommand,
    MemberJoined,
    MemberLeft,
    MessageStored,
    SessionEvent,
)


class Value(Struct, array_like=True, frozen=True, gc=False):
    """A message as it is stored under its id. ``origin`` is the connection that sent it."""

    sequence: int
    status: int
    sender: str
    name: str
    category: str
    content: str
    origin: str


class _Posted(Struct, array_like=True, frozen=True, gc=False, tag="m"):
    id: str
    session: str
    title: str
    sequence: int
    status: int
    sender: str
    name: str
    category: str
    content: str
    origin: str


class _Joined(Struct, array_like=True, frozen=True, gc=False, tag="j"):
    user: str
    chatroom: str


class _Left(Struct, array_like=True, frozen=True, gc=False, tag="l"):
    user: str
    chatroom: str
    why: str = ""
    by: str = ""


class _Event(Struct, array_like=True, frozen=True, gc=False, tag="e"):
    session: str
    kind: str
    by: str
    user: str
    message: str
    name: str
    role: str
    until: int
    gone: str = ""


class _Read(Struct, array_like=True, frozen=True, gc=False, tag="r"):
    session: str
    message: str
    unread: int


class _Command(Struct, array_like=True, frozen=True, gc=False, tag="o"):
    action: ConnectionAction
    key: str
    ask: str


_values = msgpack.Decoder(Value)
_news = msgpack.Decoder(_Posted | _Joined | _Left | _Event | _Read | _Command)


def time_of(message_id: str) -> int:
    """Return the time within an id, in Unix milliseconds."""
    return int(message_id[:12], 16)


def value_of(packed: bytes) -> Value:
    """Read what is stored under a message's id."""
    return _values.decode(packed)


def message_of(session_id: str, message_id: str, value: Value) -> Message:
    """Return a message from what is stored under its id."""
    return Message(
        message_id,
        session_id,
        User(value.sender, value.name),
        value.category,
        value.content,
        value.sequence,
        value.status,
        time_of(message_id),
    )


def messages_of(session_id: str, ids: Iterable[bytes], values: Iterable[bytes | None]) -> list[Message]:
    """Return messages in the order of *ids*, without those that were removed between two steps."""
    return [
        message_of(session_id, message_id.decode(), _values.decode(value))
        for message_id, value in zip(ids, values, strict=True)
        if value is not None
    ]


def news_of(payload: bytes, reader: str) -> Announcement:
    """Read an announcement; *reader* is the user whose channel it came on, "" for a chatroom's."""
    news = _news.decode(payload)
    if isinstance(news, _Posted):
        session = ids.session(news.session)
        return MessageStored(_message(news), session, news.title, news.origin, reader)
    if isinstance(news, _Joined):
        return MemberJoined(news.user, news.chatroom)
    if isinstance(news, _Left):
        return MemberLeft(news.user, news.chatroom, news.why, news.by)
    if isinstance(news, _Command):
        return ConnectionCommand(reader, news.action, news.key, news.ask)
    if isinstance(news, _Read):
        event = Event(EventType.READ, reader, news.session, reader, news.message, unread=news.unread)
        return SessionEvent(ids.session(news.session), event, reader)
    return _session_event(news, reader)


def _session_event(news: _Event, reader: str) -> SessionEvent:
    event = Event(
        news.kind,
        news.by,
        news.session,
        news.user,
        news.message,
        news.name,
        news.role,
        news.until,
    )
    return SessionEvent(ids.session(news.session), event, reader, news.gone)


def command_payload(command: ConnectionCommand) -> bytes:
    """Write the announcement of a command."""
    return msgpack.encode(_Command(command.action, command.key, command.ask))


def recall_payload(session_id: str, by: str, message_id: str) -> bytes:
    """Write the announcement of a recall as the scripts do."""
    return msgpack.encode(_Event(session_id, EventType.RECALLED, by, "", message_id, "", "", 0))


def read_payload(session_id: str, message_id: str, unread: int) -> bytes:
    """Write the announcement of a read position as the scripts do."""
    return msgpack.encode(_Read(session_id, message_id, unread))


def _message(news: _Posted) -> Message:
    return Message(
        news.id,
        news.session,
        User(news.sender, news.name),
        news.category,
        news.content,
        news.sequence,
        news.status,
        time_of(news.id),
    )
