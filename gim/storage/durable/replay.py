"""What the records of a data directory say, collected in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from msgspec import DecodeError

from gim.journal.records import HEADER_SIZE
from gim.model import Message, MessageStatus, User
from gim.storage.durable.contents import LogContent
from gim.storage.durable.effects import (
    Chatroom,
    Emptied,
    EventCounted,
    Globals,
    MemberJoined,
    MemberLeft,
    MessageRecalled,
    MessageStored,
    Person,
    Private,
    ReadUpTo,
    RoomDismissed,
    RoomSet,
    Tick,
    Together,
    UserBanned,
    UserMuted,
    UserNamed,
    decode_message,
)
from gim.storage.message_ids import FIRST, first_id_of
from gim.storage.rules import REQUEST_ID_WINDOW

MAX_CATEGORIES: Final = 1000  # of messages, that are shared by them

_WINDOW_MS: Final = REQUEST_ID_WINDOW * 1000
_RECALLED: Final = MessageStatus.RECALLED.value


class SessionFound:
    """A session: its messages in the order of their ids unless it says otherwise."""

    __slots__ = ("dropped", "first", "id", "is_ordered", "messages", "reads", "recalled", "sequence")

    def __init__(self, session_id: str) -> None:
        self.id = session_id
        self.messages: list[Message] = []
        self.is_ordered = True
        self.sequence = 0  # of the checkpoint; that of the newest message may be larger
        self.reads: dict[str, str] | None = None  # of a private one, by user
        self.recalled: list[str] = []
        self.first = ""  # the oldest message when a checkpoint was made, "" for none
        self.dropped = ""  # the newest message that was not even taken, "" for none


class RoomFound:
    """A chatroom, but for its messages."""

    __slots__ = ("admins", "created", "is_kept", "members", "mutes", "name", "owner")

    def __init__(self) -> None:
        self.created = ""  # "" while nothing but what happened in it is known
        self.name = self.owner = ""
        self.is_kept = False
        self.admins: tuple[str, ...] = ()
        self.mutes: dict[str, int] = {}
        self.members: dict[str, tuple[str, str]] = {}  # when they joined, as an id, and the read position


class PersonFound:
    """What is known of a person apart from the name."""

    __slots__ = ("delivered", "event_number", "is_online", "newest_dropped")

    def __init__(self) -> None:
        self.delivered = FIRST
        self.newest_dropped = ""  # "" unless a checkpoint says it
        self.event_number = 0
        self.is_online = False


class Replay:
    """Takes records one after the other: `messages` those of messages, `apply` all others.

    A record may come before the portion of a checkpoint that its user or session is in. What such records
    leave half known is replaced by the portion.
    """

    def __init__(self, now_ms: int) -> None:
        """Requests are remembered that are younger than the window at *now_ms*, or before the newest
        message if the clock was set back."""
        self.sessions: dict[str, SessionFound] = {}
        self.rooms: dict[str, RoomFound] = {}
        self.people: dict[str, PersonFound] = {}
        self.users: dict[str, User] = {}  # who has logged in, with the current name
        self.emptied: dict[str, int] = {}
        self.bans: dict[str, UserBanned] = {}
        self.requests: deque[tuple[Message, str]] = deque()
        self.requests_ahead: deque[tuple[Message, str]] = deque()  # of messages newer than the clock
        self._now_ms = now_ms
        self.last_id = self.floor = self.forgotten_dropped = FIRST
        self.events_floor = 0
        self.session_cap = 0  # 0 for not known
        self._newest = FIRST  # message
        self._checkpoint_floor = self._last_floor = FIRST
        self._categories: dict[str, str] = {}
        self._young = first_id_of(now_ms - _WINDOW_MS)
        self._appliers: dict[type, Callable[[Any], None]] = {
            UserNamed: self._named,
            ReadUpTo: self._read,
            RoomSet: self._room,
            MemberJoined: self._joined,
            MemberLeft: self._left,
            RoomDismissed: self._dismissed,
            UserMuted: self._muted,
            MessageRecalled: self._recalled,
            UserBanned: self._banned,
            EventCounted: self._counted,
            Tick: self._tick,
            Together: self._together,
            Person: self._person,
            Private: self._private,
            Emptied: self._emptied,
            Chatroom: self._chatroom,
            Globals: self._globals,
        }

    def expect_floor(self, floor: str) -> None:
        """Note up to where messages are dead in the end, when no more than a checkpoint's floor is known.

        Those need not be made, but users may have missed the ones that lived at the checkpoint.
        """
        self._checkpoint_floor = self.floor
        self._last_floor = max(floor, self.floor)

    def messages(
        self, payloads: list[bytes], content: LogContent, report: Callable[[Exception], None]
    ) -> None:
        """Take records of messages of one log, and count those in *content*; *report* bad ones.

        A million pass through here, so it is one loop, with all that it needs at hand.
        """
        sessions, users, categories = self.sessions, self.users, self._categories
        floor, newest, young, size, time, at_ms = self._last_floor, self._newest, self._young, 0, "", 0
        ids: list[str] = []
        for payload in payloads:
            try:
                record = decode_message(payload)
            except DecodeError as error:
                report(error)
                continue
            message_id, name = record.id, record.sender_name
            if message_id <= floor:
                if message_id > self._checkpoint_floor:
                    self._pass_over(record)
                continue
            ids.append(message_id)
            size += HEADER_SIZE + len(payload)
            found = sessions.get(record.session) or self._session(record.session)
            user = users.get(record.sender_id)
            if message_id > newest:
                newest = message_id
                if user is None or user.name != name:
                    user = self._user(record.sender_id, name)
            else:  # one that was copied, or comes again
                found.is_ordered = False
                if user is None:
                    user = self._user(record.sender_id, name)
                elif user.name != name:
                    user = User(user.id, name)
            prefix = message_id[:12]
            if prefix != time:  # the same as in the message before, if many come at once
                time, at_ms = prefix, int(prefix, 16)
            message = Message(
                message_id,
                found.id,
                user,
                categories.get(record.category) or self._category(record.category),
                record.content,
                record.sequence,
                record.status,
                at_ms,
            )
            found.messages.append(message)
            if record.status == _RECALLED:
                found.recalled.append(message_id)
            if record.request_id and message_id > young:
                self._request(message, record.request_id)
        self._newest = newest
        if ids:
            content.add(min(ids), max(ids), len(ids), size)

    def _pass_over(self, record: MessageStored) -> None:
        """Note what remains of a message that was trimmed."""
        found = self._session(record.session)
        found.dropped = max(found.dropped, record.id)
        found.sequence = max(found.sequence, record.sequence)
        user = self.users.get(record.sender_id)
        if user is None or user.name != record.sender_name:
            self._user(record.sender_id, record.sender_name)

    def _session(self, session_id: str) -> SessionFound:
        found = self.sessions.get(session_id)
        if found is None:
            found = self.sessions[session_id] = SessionFound(session_id)
            found.sequence = self.emptied.pop(session_id, 0)
        return found

    def _category(self, category: str) -> str:
        """Return one object for equal categories, which messages share."""
        if len(self._categories) < MAX_CATEGORIES:
            self._categories[category] = category
        return category

    def _user(self, user_id: str, name: str) -> User:
        """Note that a user has logged in, and their name."""
        before = self.users.get(user_id)
        user = User(user_id if before is None else before.id, user_id if name == user_id else name)
        self.users[user.id] = user
        return user

    def _request(self, message: Message, request_id: str) -> None:
        if message.created_at <= self._now_ms:
            self.requests.append((message, request_id))
            return
        ahead = self.requests_ahead
        ahead.append((message, request_id))
        while ahead[0][0].created_at <= message.created_at - _WINDOW_MS:
            ahead.popleft()

    def apply(self, record: object) -> None:
        """Take any record but a message; what belongs to the journal itself changes nothing."""
        if (applier := self._appliers.get(type(record))) is not None:
            applier(record)

    def _named(self, record: UserNamed) -> None:
        self._user(record.id, record.name)

    def _read(self, record: ReadUpTo) -> None:
        kind, *parts = record.session.split(":")
        if kind == "1":
            members = self._room_of(parts[0]).members
            if record.reader in members:
                joined, read = members[record.reader]
                members[record.reader] = joined, max(read, record.id)
        else:
            session = self._session(record.session)
            reads = session.reads = session.reads or {}
            reads[record.reader] = max(reads.get(record.reader, FIRST), record.id)

    def _room_of(self, room_id: str) -> RoomFound:
        found = self.rooms.get(room_id)
        if found is None:
            found = self.rooms[room_id] = RoomFound()
        return found

    def _room(self, record: RoomSet | Chatroom) -> None:
        room = self._room_of(record.id)
        if room.created not in ("", record.created):  # another one of the same id
            self._dismiss(record.id)
            room = self._room_of(record.id)
        if not room.created:  # the messages of older logs may be those of another one
            self._begin_sequence(record.id)
        self.last_id = max(self.last_id, record.created)
        room.created, room.name = record.created, record.name
        room.is_kept, room.owner, room.admins = record.is_kept, record.owner, record.admins

    def _joined(self, record: MemberJoined) -> None:
        self.last_id = max(self.last_id, record.joined)
        self._room_of(record.room).members[record.user] = record.joined, record.read

    def _left(self, record: MemberLeft) -> None:
        room = self._room_of(record.room)
        room.members.pop(record.user, None)
        room.owner = record.owner
        gone = record.user, record.owner
        room.admins = tuple(admin for admin in room.admins if admin not in gone)
        if record.is_gone:
            self._dismiss(record.room)

    def _dismissed(self, record: RoomDismissed) -> None:
        self._dismiss(record.room)

    def _dismiss(self, room_id: str) -> None:
        self.rooms.pop(room_id, None)
        self._begin_sequence(room_id)

    def _begin_sequence(self, room_id: str) -> None:
        if (session := self.sessions.get(f"1:{room_id}")) is not None:
            session.sequence = 0

    def _muted(self, record: UserMuted) -> None:
        mutes = self._room_of(record.room).mutes
        mutes.pop(record.user, None)
        if record.until:
            mutes[record.user] = record.until

    def _recalled(self, record: MessageRecalled) -> None:
        self._session(record.session).recalled.append(record.id)

    def _banned(self, record: UserBanned) -> None:
        self.bans[record.user] = record

    def _person_of(self, user_id: str) -> PersonFound:
        found = self.people.get(user_id)
        if found is None:
            found = self.people[user_id] = PersonFound()
        return found

    def _counted(self, record: EventCounted) -> None:
        person = self._person_of(record.user)
        person.event_number = max(person.event_number, record.number)
        if record.online is not None:
            person.is_online = record.online

    def _tick(self, record: Tick | Globals) -> None:
        self.last_id = max(self.last_id, record.last_id)
        self.floor = max(self.floor, record.floor)
        self.forgotten_dropped = max(self.forgotten_dropped, record.forgotten_dropped)
        if isinstance(record, Tick):
            for user_id, mark in record.marks.items():
                person = self._person_of(user_id)
                person.delivered = max(person.delivered, mark)

    def _together(self, record: Together) -> None:
        for change in record.changes:
            self.apply(change)

    def _person(self, record: Person) -> None:
        person = self._person_of(record.id)
        person.delivered = max(person.delivered, record.delivered)
        person.newest_dropped = record.newest_dropped
        person.event_number, person.is_online = record.event_number, record.is_online
        if record.name is not None:
            self._user(record.id, record.name)

    def _private(self, record: Private) -> None:
        session = self._session(record.session)
        session.sequence, session.first = record.sequence, record.first
        _, one, other = record.session.split(":")
        session.reads = {one: record.read_a, other: record.read_b}
        session.recalled += record.recalled

    def _emptied(self, record: Emptied) -> None:
        found = self.sessions.get(record.session)
        if found is None:
            self.emptied[record.session] = record.sequence
        else:  # the messages that were read of it are dead
            found.sequence = max(found.sequence, record.sequence)

    def _chatroom(self, record: Chatroom) -> None:
        self._room(record)
        self._room_of(record.id).mutes = dict(record.mutes)
        session = self._session(f"1:{record.id}")
        session.sequence, session.first = record.sequence, record.first
        session.recalled += record.recalled

    def _globals(self, record: Globals) -> None:
        self._tick(record)
        self.events_floor = max(self.events_floor, record.events_floor)
        self.session_cap = record.session_cap
