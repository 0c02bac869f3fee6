"""Events of the client library as text for people. Everything in it that users wrote is escaped."""

from __future__ import annotations

from collections.abc import Mapping

from gim.cli.output import as_json, count, date, safe
from gim.client.events import (
    Appointed,
    Broadcast,
    Dismissed,
    Error,
    Event,
    Gap,
    Muted,
    Other,
    Read,
    Recalled,
    Removed,
    Renamed,
    Reset,
)

_RESETS: Mapping[str, str] = {
    "epoch": "the server has lost its data",
    "missed": "more messages were missed than the server keeps",
}


def text_of(event: Event) -> str:
    """Return an event as one line without its session; "" for a message, a state, or the first reset."""
    match event:
        case Gap(skipped=skipped):
            return f"{count(skipped) if skipped else 'some'} messages are missing"
        case Reset(reason=reason):
            return _RESETS.get(reason, "")
        case Recalled(by=by, message_id=message):
            return f"{safe(by)} recalled the message {safe(message)}"
        case Read(by=by, message_id=message, unread=unread):
            return f"{safe(by)} has read up to {safe(message)}, {count(unread)} are unread"
        case Renamed(by=by, name=name):
            return f"{safe(by)} renamed the chatroom to {safe(name)}"
        case Dismissed(by=by):
            return f"{safe(by)} dismissed the chatroom"
        case Removed(by=by, user_id=user):
            return f"{safe(by)} removed {safe(user)}"
        case Muted(by=by, user_id=user, until=0):
            return f"{safe(by)} ended the mute of {safe(user)}"
        case Muted(by=by, user_id=user, until=until):
            return f"{safe(by)} muted {safe(user)} until {date(until)}"
        case Appointed(by=by, user_id=user, role=role):
            return f"{safe(by)} made {safe(user)} {safe(role)}"
        case Broadcast(content=content):
            return f"to all: {safe(content)}"
        case Error(code=code, msg=msg):
            return f"{code}, {safe(msg)}"
        case Other(type=type, fields=fields):
            return f"{safe(type)} {as_json(fields)}"
    return ""
