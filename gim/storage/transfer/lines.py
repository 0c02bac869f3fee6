"""The lines of a dump: one JSON object each, whose ``kind`` says what it is.

The first line is a `Head`, the last one an `End`, which tells a whole dump from one that was cut off.
Between them stand users and bans, then private sessions with their messages, then chatrooms with their
members and messages. Ids and times are those of the storage. A time is in Unix milliseconds. A position
among messages is the id of one, "" for before all of them.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from msgspec import Struct, json

from gim.characters import NOT_IN_NAMES, class_of
from gim.model import Message, User

FORMAT: Final = 1  # of the lines; a dump of a newer one is refused

# what would move the cursor of a terminal, or change the direction of writing
_UNSAFE = re.compile(class_of(NOT_IN_NAMES))


class _Line(Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    """A line. ``rank`` is its place in the order of a dump."""

    rank: ClassVar[int]


class Head(_Line, frozen=True, kw_only=True, tag="dump"):
    """What the dump is of."""

    rank = 0

    format: int
    id: str  # of this dump: random
    storage: str  # memory or redis
    taken_at: int
    epoch: str  # of the data set
    created_at: int  # of the data set
    last_id: str  # the newest id that was given out, for messages and memberships
    lost: str  # the newest private message that users who were forgotten have lost


class UserLine(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="user"):
    """A user, or an id that got a message: then the name is null."""

    rank = 1

    id: str
    name: str | None
    delivered: str = ""  # up to where their private messages were delivered
    lost: str = ""  # the newest private message of theirs that is not kept any more
    event_number: int = 0  # of their last webhook event, 0 for none
    online: bool = False  # webhooks reported them online last


class BanLine(_Line, frozen=True, kw_only=True, tag="ban"):
    """A ban, and when it may be forgotten. ``until`` is 0 for one that was ended."""

    rank = 1

    user_id: str
    since: int
    until: int
    forgotten_at: int


class PrivateLine(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="private"):
    """A private session: the last sequence and the read positions by user. One without messages has only
    the sequence."""

    rank = 2

    id: str
    sequence: int = 0
    read: dict[str, str] = {}


class ChatroomLine(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="chatroom"):
    """A chatroom. ``owner_id`` is "" for none, ``admins`` stand in the order of their appointment,
    ``muted`` has the ends of mutes by user."""

    rank = 3

    id: str
    name: str
    owner_id: str = ""
    is_kept: bool = False
    admins: list[str] = []
    muted: dict[str, int] = {}
    sequence: int = 0


class MemberLine(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="member"):
    """A member of the chatroom that stands above. ``joined`` is the id that ranks the membership."""

    rank = 3

    chatroom_id: str
    user_id: str
    joined: str
    read: str = ""


class MessageLine(_Line, frozen=True, kw_only=True, omit_defaults=True, tag="message"):
    """A message of the session that stands above, with the fields of the HTTP API, and the ``request_id``
    if it is still remembered. ``status`` is 2 for a recalled one."""

    rank = 3

    id: str
    session_id: str
    sender: User
    category: str
    content: str
    sequence: int
    status: int
    created_at: int
    request_id: str = ""

    @classmethod
    def of(cls, message: Message, request_id: str = "") -> MessageLine:
        """Return the line of a message."""
        return cls(
            id=message.id,
            session_id=message.session_id,
            sender=message.sender,
            category=message.category,
            content=message.content,
            sequence=message.sequence,
            status=message.status,
            created_at=message.created_at,
            request_id=request_id,
        )


class End(_Line, frozen=True, kw_only=True, tag="end"):
    """The end of a whole dump, with the number of the lines between it and the head."""

    rank = 4

    lines: int


Entry = UserLine | BanLine | PrivateLine | ChatroomLine | MemberLine | MessageLine
Line = Head | Entry | End

_encoder = json.Encoder()
decoder: Final = json.Decoder(Line)


def encode(line: Line) -> str:
    """Return a line without its end. Characters that control a terminal are escaped."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", _encoder.encode(line).decode())
