"""What the journal and the checkpoints hold: one struct for each kind of record.

A record is a MessagePack array: the kind, then the fields in the order below. Fields that a later version
adds go to the end, where this one passes over them. All values are absolute: to apply records in order
gives the state, and to apply one twice changes nothing. Ids are text as in the store. Times are Unix ms.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from gim.journal.records import BEGIN, END, SEAL, SLICE, SUM, TICK

MESSAGE: Final = 1
USER: Final = 2
READ: Final = 3
ROOM: Final = 4
JOINED: Final = 5
LEFT: Final = 6
DISMISSED: Final = 7
MUTED: Final = 8
RECALLED: Final = 9
BAN: Final = 10
EVENT: Final = 11
TOGETHER: Final = 13

PERSON: Final = 20
PRIVATE: Final = 21
EMPTIED: Final = 22
CHATROOM: Final = 23
GLOBALS: Final = 24


class MessageStored(Struct, frozen=True, gc=False, array_like=True, tag=MESSAGE):
    """A message. ``request_id`` is "" for none.

    ``status`` is a `gim.model.MessageStatus`: it is that of a recalled message only where a log was
    rewritten, so that the content is gone. When it was sent is in the id.
    """

    id: str
    session: str
    sender_id: str
    sender_name: str
    category: str
    content: str
    sequence: int
    request_id: str
    status: int


class UserNamed(Struct, frozen=True, gc=False, array_like=True, tag=USER):
    """A user logged in first, or got this name."""

    id: str
    name: str


class ReadUpTo(Struct, frozen=True, gc=False, array_like=True, tag=READ):
    """A read position moved forwards to a message."""

    reader: str
    session: str
    id: str


class RoomSet(Struct, frozen=True, array_like=True, tag=ROOM):
    """A chatroom was created, or got other values: as `gim.storage.memory.recorder.RoomFields`."""

    id: str
    created: str
    name: str
    is_kept: bool
    owner: str
    admins: tuple[str, ...]


class MemberJoined(Struct, frozen=True, gc=False, array_like=True, tag=JOINED):
    """A membership: since when, as an id, and the read position."""

    room: str
    user: str
    joined: str
    read: str


class MemberLeft(Struct, frozen=True, gc=False, array_like=True, tag=LEFT):
    """A membership ended. ``owner`` owns the chatroom from then on, unless it ``is_gone``: forgotten."""

    room: str
    user: str
    owner: str
    is_gone: bool


class RoomDismissed(Struct, frozen=True, gc=False, array_like=True, tag=DISMISSED):
    """A chatroom ended, with its memberships and messages."""

    room: str


class UserMuted(Struct, frozen=True, gc=False, array_like=True, tag=MUTED):
    """A user is muted in a chatroom until then; 0 ends that."""

    room: str
    user: str
    until: int


class MessageRecalled(Struct, frozen=True, gc=False, array_like=True, tag=RECALLED):
    """A message lost its content."""

    session: str
    id: str


class UserBanned(Struct, frozen=True, gc=False, array_like=True, tag=BAN):
    """The last ban of a user; its ``until`` is 0 once it was ended."""

    user: str
    since: int
    until: int
    forget_at: int


class EventCounted(Struct, frozen=True, gc=False, array_like=True, tag=EVENT):
    """A user's webhook event got this number; it reports their presence unless ``online`` is None."""

    user: str
    number: int
    online: bool | None


class Tick(Struct, frozen=True, array_like=True, tag=TICK):
    """What changes all the time, written about once a second.

    ``last_id`` is the newest id that was made. Messages up to ``floor`` were trimmed or have expired.
    The logs are synced up to an offset in one of them. ``marks`` are the delivery marks that moved.
    """

    last_id: str
    floor: str
    forgotten_dropped: str
    synced_number: int
    synced_offset: int
    marks: dict[str, str]


class Person(Struct, frozen=True, gc=False, array_like=True, tag=PERSON):
    """A user, or an id that got a message: its name is None.

    ``event_number`` is that of the last webhook event, 0 for none.
    """

    id: str
    name: str | None
    delivered: str
    newest_dropped: str
    event_number: int
    is_online: bool


class Private(Struct, frozen=True, array_like=True, tag=PRIVATE):
    """A private session: both read positions in the order of the ids, and the oldest message."""

    session: str
    sequence: int
    read_a: str
    read_b: str
    recalled: tuple[str, ...]
    first: str


class Emptied(Struct, frozen=True, gc=False, array_like=True, tag=EMPTIED):
    """A private session without messages, whose numbers go on."""

    session: str
    sequence: int


class Chatroom(Struct, frozen=True, array_like=True, tag=CHATROOM):
    """A chatroom without its members. ``first`` is its oldest message, "" for none."""

    id: str
    created: str
    name: str
    is_kept: bool
    owner: str
    admins: tuple[str, ...]
    mutes: dict[str, int]
    sequence: int
    recalled: tuple[str, ...]
    first: str


class Globals(Struct, frozen=True, gc=False, array_like=True, tag=GLOBALS):
    """Values of the whole store, see `Tick`.

    Webhook numbers up to ``events_floor`` were those of forgotten users. ``session_cap`` is how many
    messages were kept of a session.
    """

    last_id: str
    floor: str
    forgotten_dropped: str
    events_floor: int
    session_cap: int


class Seal(Struct, frozen=True, gc=False, array_like=True, tag=SEAL):
    """The end of a checkpoint that is complete."""


class LogBegins(Struct, frozen=True, gc=False, array_like=True, tag=BEGIN):
    """Written and read by the journal."""


class LogEnds(Struct, frozen=True, gc=False, array_like=True, tag=END):
    """Written and read by the journal."""


class LogSum(Struct, frozen=True, gc=False, array_like=True, tag=SUM):
    """Written and read by the journal."""


Change: TypeAlias = (
    UserNamed
    | ReadUpTo
    | RoomSet
    | MemberJoined
    | MemberLeft
    | RoomDismissed
    | UserMuted
    | MessageRecalled
    | UserBanned
    | EventCounted
)
StateEffect: TypeAlias = Person | Private | Emptied | Chatroom | Globals | MemberJoined | UserBanned


class Together(Struct, frozen=True, array_like=True, tag=TOGETHER):
    """Changes of one operation, so that a crash never leaves half of it."""

    changes: tuple[Change, ...]


class Slice(Struct, frozen=True, array_like=True, tag=SLICE):
    """A portion of the state, as it was when the next record went to that place in the logs.

    What it holds replaces what was known of the same user, session, membership or ban.
    """

    number: int
    offset: int
    effects: tuple[StateEffect, ...]


LogRecord: TypeAlias = MessageStored | Change | Tick | Together | LogBegins | LogEnds | LogSum
StateRecord: TypeAlias = Slice | Seal

encode: Final = msgspec.msgpack.Encoder().encode
decode_message: Final = msgspec.msgpack.Decoder(MessageStored).decode
_decode_log: Final = msgspec.msgpack.Decoder[LogRecord](LogRecord).decode
_decode_state: Final = msgspec.msgpack.Decoder[StateRecord](StateRecord).decode


def decode_log(payload: bytes) -> LogRecord:
    """Read a record of a log. Raises `msgspec.DecodeError` for what is not one, or of an unknown kind."""
    record: LogRecord = _decode_log(payload)
    return record


def decode_state(payload: bytes) -> StateRecord:
    """Read a record of a checkpoint. Raises as `decode_log` does."""
    record: StateRecord = _decode_state(payload)
    return record
