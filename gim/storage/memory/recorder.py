"""What the memory store tells of its changes, so that they can be written down and made again."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gim.model import Message, User


class RoomFields(NamedTuple):
    """A chatroom without its members, mutes and messages.

    ``created`` is an id made when the chatroom was: its messages have larger ones. ``owner`` is "" for
    none. ``admins`` are in the order of their appointment.
    """

    id: str
    created: str
    name: str
    is_kept: bool
    owner: str
    admins: tuple[str, ...]


class JoinedFields(NamedTuple):
    """A membership. ``joined`` is an id made at the time of joining, ``read`` the read position."""

    room_id: str
    user_id: str
    joined: str
    read: str


class Recorder:
    """Gets each change of the memory store before it is made, as absolute values: this one keeps nothing.

    Making recorded changes again in their order gives the state, and making one twice changes nothing.
    Each method may raise `gim.errors.Unavailable`, unless it says otherwise: nothing is changed then.
    Methods are called in the order of the changes. Times are Unix ms.

    Calls of ``message``, ``delivered`` and ``dropped`` are frequent. They are None here, and not called:

    - ``message(message, request_id)``: a message is stored; *request_id* is "" for none. Its sender has
      logged in, if only with the name in the message; a private one moves the sender's read position, in
      a chatroom it moves that of a member.
    - ``delivered(user_id, message_id)``: the delivery mark of a user moved there. Never raises.
    - ``dropped(message)``: a message was trimmed, has expired or went with its chatroom. That follows
      from other changes and the time. Never raises.
    """

    lasts = False  # whether the changes are there after the process has ended

    message: Callable[[Message, str], None] | None = None
    delivered: Callable[[str, str], None] | None = None
    dropped: Callable[[Message], None] | None = None

    def user(self, user: User) -> None:
        """A user logs in first, or gets a new name. Never raises."""

    def read(self, reader: str, session_id: str, message_id: str) -> None:
        """A read position moves forwards to a message."""

    def room(self, room: RoomFields) -> None:
        """A chatroom is created without members, or gets another name, owner or administrators."""

    def created(self, room: RoomFields, joined: JoinedFields) -> None:
        """A chatroom is created with its first member."""

    def joined(self, joined: JoinedFields) -> None:
        """A user joins a chatroom that exists."""

    def left(self, room_id: str, user_id: str, owner: str, is_gone: bool) -> None:
        """A member leaves or is removed, and loses the role of an administrator.

        *owner* owns the chatroom from then on, and is not an administrator any more. With *is_gone* the
        chatroom is forgotten with this last member, messages included.
        """

    def dismissed(self, room_id: str) -> None:
        """A chatroom ends, with its memberships and messages."""

    def muted(self, room_id: str, user_id: str, until: int) -> None:
        """A user is muted in a chatroom, 0 ends that."""

    def recalled(self, session_id: str, message_id: str) -> None:
        """A message loses its content."""

    def ban(self, user_id: str, since: int, until: int, forget_at: int) -> None:
        """A ban begins, or ends with an *until* of 0; *forget_at* is when to forget when it began."""

    def event(self, user_id: str, number: int, online: bool | None) -> None:
        """A user's webhook event gets a number; unless *online* is None, it reports their presence."""

    def check(self) -> None:
        """Raise `gim.errors.Unavailable` while changes cannot be recorded."""
