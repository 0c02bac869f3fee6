"""Ids of users, chatrooms, sessions and messages: their rules, and how one is read and written.

An id of a user or chatroom is 1 to 64 printable characters (`gim.characters`) without white space, ``:``
and ``/``, and neither ``.`` nor ``..``. Ids are ordered by code point, as Python orders strings.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from gim.characters import NOT_PRINTABLE, class_of
from gim.errors import BadRequest

CHATROOM: Final = 1
PRIVATE: Final = 2

# The sender of the administrator's messages: not a valid id, so no user can log in as it
SYSTEM: Final = "."

MAX_ID: Final = 64  # characters

_SESSIONS = 8192  # used last and kept, some 3 MB: each message needs its session

_find_forbidden = re.compile(class_of(NOT_PRINTABLE, " :/")).search

_MESSAGE_ID = re.compile(r"[0-9a-f]{32}", re.ASCII).fullmatch


def is_id(text: str) -> bool:
    """Say whether *text* can be the id of a user or chatroom."""
    if not 0 < len(text) <= MAX_ID or text == "." or text == "..":
        return False
    if text.isascii():  # the fast way, with the same result
        return text.isprintable() and not (" " in text or ":" in text or "/" in text)
    return _find_forbidden(text) is None


def check_id(text: str, field: str) -> str:
    """Return *text*, or raise `BadRequest` that names *field*."""
    if not is_id(text):
        raise BadRequest(
            f"{field}: write 1 to {MAX_ID} printable characters without white space, ':' and '/',"
            " and not '.' or '..'"
        )
    return text


def check_message_id(text: str, field: str) -> str:
    """Return *text*, or raise `BadRequest` that names *field*."""
    if _MESSAGE_ID(text) is None:
        raise BadRequest(f"{field}: write the id of a message, 32 lower-case hex digits")
    return text


class Session(NamedTuple):
    """A conversation: its canonical id, its type and who or what it is with.

    ``parts`` holds the chatroom's id, or the two people's ids in ascending order.
    """

    id: str
    type: int
    parts: tuple[str, ...]

    def peer_of(self, user_id: str) -> str:
        """Return the other user of this private session."""
        one, other = self.parts
        return other if user_id == one else one


@lru_cache(_SESSIONS)
def chatroom_session(chatroom_id: str) -> Session:
    """Return the session of a chatroom, as in ``1:9999``."""
    return Session(f"1:{chatroom_id}", CHATROOM, (chatroom_id,))


@lru_cache(_SESSIONS)
def private_session(one: str, other: str) -> Session:
    """Return the session of two people, the same whichever of them comes first, as in ``2:1001:1002``."""
    if other < one:
        one, other = other, one
    return Session(f"2:{one}:{other}", PRIVATE, (one, other))


@lru_cache(_SESSIONS)
def session_with(user_id: str, target_id: str) -> Session:
    """Return the session of a user with the receiver of a message, or raise `BadRequest`."""
    check_id(target_id, "target_id")
    if target_id == user_id:
        raise BadRequest("target_id: this is your own id: choose another user")
    return private_session(user_id, target_id)


@lru_cache(_SESSIONS)
def session(text: str) -> Session:
    """Read a session id, the two people of a private one in either order, or raise `BadRequest`."""
    kind, *parts = text.split(":")
    if kind == "1" and len(parts) == 1 and is_id(parts[0]):
        return chatroom_session(parts[0])
    if kind == "2" and len(parts) == 2 and all(is_id(part) or part == SYSTEM for part in parts):
        if parts[0] != parts[1]:
            return private_session(*parts)
        raise BadRequest("session_id: a private session is between two different users")
    raise BadRequest("session_id: write 1:CHATROOM or 2:USER:USER, for example 1:9999 or 2:1001:1002")
