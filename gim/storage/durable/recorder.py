"""Writes the changes of the memory store to the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from gim.errors import Unavailable
from gim.journal.journal import Journal
from gim.model import Message, User
from gim.storage.durable.effects import (
    MESSAGE,
    Change,
    EventCounted,
    MemberJoined,
    MemberLeft,
    MessageRecalled,
    ReadUpTo,
    RoomDismissed,
    RoomSet,
    Together,
    UserBanned,
    UserMuted,
    UserNamed,
    encode,
)
from gim.storage.memory.recorder import JoinedFields, Recorder, RoomFields

MAX_WAITING: Final = 100_000  # names, and delivery marks, that wait while nothing can be written


class Ledger(Protocol):
    """Counts what the files hold that does not live any more. No method raises."""

    def dropped(self, message: Message) -> None:
        """A message left the store."""

    def recalled(self, message_id: str) -> None:
        """A message loses its content, which is still in a file."""

    def dismissed(self, room_id: str) -> None:
        """A chatroom, which is there, ends with all its content, which is still in files."""


class JournalRecorder(Recorder):
    """Appends a record for each change.

    Names are never refused: the ones that can't be written wait for the next change that can, or for the
    next tick. Delivery marks wait for the tick anyhow. Both are kept up to `MAX_WAITING`: what is lost
    beyond it is an old name, or messages that a user gets again, should the process end meanwhile.
    """

    lasts = True

    def __init__(self, journal: Journal, ledger: Ledger | None = None) -> None:
        self._journal = journal
        self._ledger = ledger
        self._names: dict[str, str] = {}
        self._marks: dict[str, str] = {}
        self.message = _writer_of_messages(journal)
        self.delivered = _keeper(self._marks)
        self.dropped = ledger.dropped if ledger is not None else None

    def user(self, user: User) -> None:
        self._names.pop(user.id, None)
        self._names[user.id] = user.name
        if len(self._names) > MAX_WAITING:
            del self._names[next(iter(self._names))]
        try:
            self.write_names()
        except Unavailable:  # they wait
            pass

    def write_names(self) -> None:
        """Write the names that wait. Raises `Unavailable`; the rest waits on then."""
        while self._names:
            user_id, name = next(iter(self._names.items()))
            self._journal.append_other(encode(UserNamed(user_id, name)))
            del self._names[user_id]

    def take_marks(self) -> dict[str, str]:
        """Return the delivery marks that moved since the last call."""
        marks = self._marks.copy()
        self._marks.clear()
        return marks

    def keep_marks(self, marks: dict[str, str]) -> None:
        """Take marks back that could not be written."""
        for user_id, message_id in marks.items():
            self._marks.setdefault(user_id, message_id)

    def read(self, reader: str, session_id: str, message_id: str) -> None:
        self._write(ReadUpTo(reader, session_id, message_id))

    def room(self, room: RoomFields) -> None:
        self._write(RoomSet(*room))

    def created(self, room: RoomFields, joined: JoinedFields) -> None:
        self._write(Together((RoomSet(*room), MemberJoined(*joined))))

    def joined(self, joined: JoinedFields) -> None:
        self._write(MemberJoined(*joined))

    def left(self, room_id: str, user_id: str, owner: str, is_gone: bool) -> None:
        self._write(MemberLeft(room_id, user_id, owner, is_gone))
        if is_gone and self._ledger is not None:
            self._ledger.dismissed(room_id)

    def dismissed(self, room_id: str) -> None:
        self._write(RoomDismissed(room_id))
        if self._ledger is not None:
            self._ledger.dismissed(room_id)

    def muted(self, room_id: str, user_id: str, until: int) -> None:
        self._write(UserMuted(room_id, user_id, until))

    def recalled(self, session_id: str, message_id: str) -> None:
        self._write(MessageRecalled(session_id, message_id))
        if self._ledger is not None:
            self._ledger.recalled(message_id)

    def ban(self, user_id: str, since: int, until: int, forget_at: int) -> None:
        self._write(UserBanned(user_id, since, until, forget_at))

    def event(self, user_id: str, number: int, online: bool | None) -> None:
        self._write(EventCounted(user_id, number, online))

    def check(self) -> None:
        if self._journal.failing:
            raise Unavailable(f"the server can't write to its disk ({self._journal.failing})")

    def _write(self, change: Change | Together) -> None:
        if self._names:
            self.write_names()
        self._journal.append_other(encode(change))


def _writer_of_messages(journal: Journal) -> Callable[[Message, str], None]:
    """Return the function that writes a message: it runs for each, so all that it uses is local."""

    def write(message: Message, request_id: str) -> None:
        sender = message.sender
        append(
            encode_fields(
                (
                    kind,
                    message.id,
                    message.session_id,
                    sender.id,
                    sender.name,
                    message.category,
                    message.content,
                    message.sequence,
                    request_id,
                    message.status,
                )
            )
        )

    append, encode_fields, kind = journal.append, encode, MESSAGE
    return write


def _keeper(marks: dict[str, str]) -> Callable[[str, str], None]:
    """Return the function that keeps delivery marks until they are written."""

    def keep(user_id: str, message_id: str) -> None:
        if marks.get(user_id, "") < message_id:
            marks[user_id] = message_id
            if len(marks) > MAX_WAITING:
                del marks[next(iter(marks))]

    return keep
