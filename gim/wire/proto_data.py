"""The data of replies and pushes in Protobuf.

Writers set one field after the other: passing the fields to a constructor takes twice the time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message as ProtoMessage
from msgspec import UNSET, Struct

from gim import model
from gim.wire import gim_pb2 as pb
from gim.wire.requests import OPERATIONS, Operation


def write_push(push: model.Push) -> bytes:
    """Return a ``gim.v1.Push``."""
    data, head = pb.Push(), push.session
    session = data.session
    session.id = head.id
    session.type = head.type
    session.title = head.title
    for message in push.items:
        _set_message(data.items.add(), message)
    data.skipped = push.skipped
    return data.SerializeToString()


def write_event(event: model.Event) -> bytes:
    """Return a ``gim.v1.Event``."""
    data = pb.Event()
    data.type = event.type
    data.by = event.by
    data.session_id = event.session_id
    data.user_id = event.user_id
    data.message_id = event.message_id
    data.name = event.name
    data.role = event.role
    data.until = event.until
    data.category = event.category
    data.content = event.content
    data.created_at = event.created_at
    if event.unread is not UNSET:
        data.unread = event.unread
    return data.SerializeToString()


def _set_message(to: pb.Message, message: model.Message) -> None:
    to.id = message.id
    to.session_id = message.session_id
    _set_user(to.sender, message.sender)
    to.category = message.category
    to.content = message.content
    to.sequence = message.sequence
    to.status = message.status
    to.created_at = message.created_at


def _set_user(to: pb.User, user: model.User) -> None:
    to.id = user.id
    to.name = user.name


def _logged_in(answer: model.LoggedIn) -> bytes:
    data = pb.LoginData()
    _set_user(data.user, answer.user)
    data.token = answer.token
    data.server_time = answer.server_time
    data.epoch = answer.epoch
    data.missed = answer.missed
    data.recovered = answer.recovered
    return data.SerializeToString()


def _sent(answer: model.Sent) -> bytes:
    data = pb.SendData()
    data.id = answer.id
    data.session_id = answer.session_id
    data.sequence = answer.sequence
    data.created_at = answer.created_at
    return data.SerializeToString()


def _history(answer: model.History) -> bytes:
    data = pb.HistoryData()
    for message in answer.items:
        _set_message(data.items.add(), message)
    data.has_more = answer.has_more
    return data.SerializeToString()


def _sessions(answer: model.SessionPage) -> bytes:
    data = pb.SessionsData()
    for item in answer.items:
        _set_session_item(data.items.add(), item)
    data.cursor = answer.cursor
    return data.SerializeToString()


def _set_session_item(to: pb.SessionItem, item: model.SessionItem) -> None:
    to.id = item.id
    to.type = item.type
    to.title = item.title
    if item.last is not None:
        _set_message(to.last, item.last)
    to.unread = item.unread


def _members(answer: model.MemberPage) -> bytes:
    data = pb.MembersData()
    for member in answer.items:
        to = data.items.add()
        to.id = member.id
        to.name = member.name
        to.online = member.online
        to.role = member.role
    data.total = answer.total
    data.cursor = answer.cursor
    return data.SerializeToString()


# Replies that hold other messages; and `Sent`, the most frequent, for speed.
_BY_HAND: dict[type[Struct], Callable[[Any], bytes]] = {
    model.LoggedIn: _logged_in,
    model.Sent: _sent,
    model.History: _history,
    model.SessionPage: _sessions,
    model.MemberPage: _members,
}


def _by_fields(struct: type[Struct], message: type[ProtoMessage]) -> Callable[[Any], bytes]:
    """Return a function that writes a struct of numbers and strings as *message*."""
    names = struct.__struct_fields__
    if any(field.message_type for field in message.DESCRIPTOR.fields):
        raise TypeError(f"{struct.__name__} holds other messages: write its writer by hand")
    if not names:
        return lambda answer: b""

    def write(answer: Any) -> bytes:
        data = message()
        for name in names:
            setattr(data, name, getattr(answer, name))
        return data.SerializeToString()

    return write


def _writer(operation: Operation) -> Callable[[Any], bytes]:
    if operation.reply in _BY_HAND:
        return _BY_HAND[operation.reply]
    name = operation.request.__name__.removesuffix("Request")
    return _by_fields(operation.reply, getattr(pb, f"{name}Data"))


# By the struct of the reply. Operations with the same struct have messages with the same fields.
WRITERS = {operation.reply: _writer(operation) for operation in OPERATIONS.values()}
