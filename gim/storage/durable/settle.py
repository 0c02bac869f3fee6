"""Makes the data of a memory store of what the records of a journal say."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from operator import attrgetter
from typing import Final

from msgspec.structs import replace

from gim.ids import CHATROOM, PRIVATE, Session
from gim.model import Ban, Message, MessageStatus, Sent
from gim.storage.durable.contents import Contents
from gim.storage.durable.replay import PersonFound, Replay, RoomFound, SessionFound
from gim.storage.memory.data import MemoryData
from gim.storage.memory.idempotency import digest_of
from gim.storage.memory.message_index import Page, in_pages
from gim.storage.memory.recorder import RoomFields
from gim.storage.memory.records import Chatroom, Conversation, Membership, Person
from gim.storage.message_ids import FIRST, LAST
from gim.storage.rules import REQUEST_ID_WINDOW

AT_ONCE: Final = 500  # sessions, people or memberships: some 10 ms

_id_of = attrgetter("id")
_UNKNOWN: Final = PersonFound()


class Settlement:
    """Fills a store that holds nothing. `run` yields every few milliseconds.

    What the limit of a session and the time to live do not allow any more does not come back. A person's
    ``newest_dropped`` may become larger than it was, never smaller: a client that trusts it may load once
    too often, but never misses a gap.
    """

    def __init__(self, data: MemoryData, found: Replay, contents: Contents) -> None:
        self._data = data
        self._found = found
        self._contents = contents
        self._low = max(found.floor, data.archive.floor())  # ids up to there are dead
        self._cap = data.settings.max_session_messages
        self._people: dict[str, Person] = {}
        self._pages: dict[str, Page] = {}
        self._heads: list[tuple[str, str]] = []
        self._private: list[tuple[str, str, Person, str, Person, str]] = []
        self._last_id = found.last_id

    def run(self) -> Iterator[None]:
        """Do all of it."""
        people = self._data.people
        people.forgotten_dropped = self._found.forgotten_dropped
        people.events.floor = self._found.events_floor
        self._data.archive.newest_trimmed = self._found.floor
        yield from self._rooms()
        yield from self._sessions()
        yield from self._private_sessions()
        yield from self._persons()
        self._rest()

    def _person(self, user_id: str) -> Person:
        person = self._people.get(user_id)
        if person is None:
            user, found = self._found.users.get(user_id), self._found.people.get(user_id, _UNKNOWN)
            person = self._people[user_id] = Person(user.id if user is not None else user_id)
            if user is not None:
                person.user, person.has_logged_in = user, True
            person.delivered_up_to = found.delivered
            person.newest_dropped = found.newest_dropped or self._found.forgotten_dropped
        return person

    def _rooms(self) -> Iterator[None]:
        """Make the chatrooms and their members, those of each user in the order of joining."""
        joins: list[tuple[str, str, str]] = []
        for room_id, room in self._found.rooms.items():
            if room.created and (room.members or room.is_kept):
                self._data.archive.put_back(_chatroom(room_id, room))
                joins += [(joined, room_id, user) for user, (joined, _read) in room.members.items()]
        joins.sort()
        memberships: dict[tuple[str, str], Membership] = {}
        for count, (joined, room_id, user_id) in enumerate(joins):
            if not count % AT_ONCE:
                yield
            read = self._found.rooms[room_id].members[user_id][1]
            person, chatroom = self._person(user_id), self._data.archive.chatroom(room_id)
            membership = Membership(chatroom, joined, read)
            person.rooms[room_id] = memberships[room_id, person.id] = membership
        self._data.memberships.put_back(memberships)

    def _sessions(self) -> Iterator[None]:
        """Make the private conversations, and the index of all messages."""
        sessions = self._found.sessions
        for count, session_id in enumerate(sorted(sessions)):
            if not count % AT_ONCE:
                yield
            session = sessions.pop(session_id)
            messages = session.messages
            if not session.is_ordered:
                messages = self._ordered(messages)
            if messages:
                self._last_id = max(self._last_id, messages[-1].id)
            self._session(session, messages)
        self._data.archive.messages.fill(self._pages, self._heads)
        self._pages = {}

    def _ordered(self, messages: list[Message]) -> list[Message]:
        """Return messages in order, each once."""
        by_id: dict[str, Message] = {}
        for message in messages:
            if message.id in by_id:
                self._contents.dead(message)
            by_id[message.id] = message
        return sorted(by_id.values(), key=_id_of)

    def _session(self, session: SessionFound, messages: list[Message]) -> None:
        kind, *parts = session.id.split(":")
        if kind == "2":
            self._private_session(session, messages, *parts)
            return
        chatroom = self._data.archive.get(session.id)
        created = chatroom.created if isinstance(chatroom, Chatroom) else LAST
        earlier = bisect_left(messages, created, key=_id_of)  # of chatrooms that ended
        for message in messages[:earlier]:
            self._contents.dead(message, to_erase=True)
        if isinstance(chatroom, Chatroom):
            self._chatroom_session(session, messages[earlier:], chatroom)

    def _chatroom_session(
        self, session: SessionFound, messages: list[Message], chatroom: Chatroom
    ) -> None:
        kept, _ = self._kept(session, messages)
        self._store(session, kept, chatroom)
        for user_id, count in Counter(message.sender.id for message in kept).items():
            self._person(user_id).stored += count
        for user_id, newest in {message.sender.id: message.id for message in kept}.items():
            membership = self._people[user_id].rooms.get(chatroom.session.parts[0])
            if membership is not None:
                membership.read = max(membership.read, newest)

    def _private_session(self, session: SessionFound, messages: list[Message], *parts: str) -> None:
        kept, dropped = self._kept(session, messages)
        dropped = max(dropped, session.dropped, self._dropped_since(session, kept))
        one, other = people = [self._person(user_id) for user_id in parts]
        for person in people:
            person.stored += len(kept)
            person.newest_dropped = max(person.newest_dropped, dropped)
        if not kept:
            if session.sequence:
                self._data.archive.note_emptied(session.id, session.sequence)
            return
        conversation = Conversation(Session(session.id, PRIVATE, (one.id, other.id)))
        self._store(session, kept, conversation)
        self._data.archive.put_back(conversation)
        reads, own = session.reads or {}, _own_newest(kept)
        of_one = max(reads.get(one.id, FIRST), own.get(one.id, FIRST))
        of_other = max(reads.get(other.id, FIRST), own.get(other.id, FIRST))
        self._private.append((kept[-1].id, session.id, one, of_one, other, of_other))

    def _kept(self, session: SessionFound, messages: list[Message]) -> tuple[list[Message], str]:
        """Return the messages that live, and the newest one that does not, "" for none.

        Those from before the oldest one of a checkpoint had been dropped before it.
        """
        if messages:
            session.sequence = max(session.sequence, _newest_sequence(messages))
        dead = max(0, len(messages) - self._cap)
        if messages and (messages[0].id <= self._low or messages[0].id < session.first):
            dead = max(dead, bisect_right(messages, self._low, key=_id_of))
            dead = max(dead, bisect_left(messages, session.first, key=_id_of))
        if not dead:
            return messages, ""
        for message in messages[:dead]:
            self._contents.dead(message)
        return messages[dead:], messages[dead - 1].id

    def _dropped_since(self, session: SessionFound, kept: list[Message]) -> str:
        """Return an id that is not below any message that was dropped since the checkpoint, "" for none.

        Those messages may have left the disk. A session that is full may have lost all below the oldest
        that is kept, any other what is below the floor.
        """
        if not session.first or (kept and kept[0].id == session.first):
            return ""
        cap = min(self._cap, self._found.session_cap or self._cap)
        return _below(kept[0].id) if len(kept) >= cap else self._low

    def _store(self, session: SessionFound, kept: list[Message], conversation: Conversation) -> None:
        """Index the messages of a conversation, recalled ones as stubs."""
        conversation.sequence = session.sequence  # also while messages are not numbered
        if not kept:
            return
        if session.recalled:
            conversation.recalled = self._stubs(session, kept) or None
        conversation.count, conversation.last = len(kept), kept[-1]
        session_id = conversation.session.id
        pages = in_pages(session_id, kept)
        conversation.newest = next(reversed(pages.values()))
        self._pages.update(pages)
        self._heads.append((kept[0].id, session_id))

    def _stubs(self, session: SessionFound, kept: list[Message]) -> list[str]:
        """Replace the recalled messages by stubs; return their ids, ascending."""
        found: list[str] = []
        for message_id in sorted(set(session.recalled)):
            place = bisect_left(kept, message_id, key=_id_of)
            if place < len(kept) and kept[place].id == message_id:
                found.append(message_id)
                if kept[place].status != MessageStatus.RECALLED:
                    self._contents.recalled(message_id)
                    kept[place] = replace(kept[place], content="", status=MessageStatus.RECALLED)
        return found

    def _private_sessions(self) -> Iterator[None]:
        """Give the people their private sessions, in the order of the last messages."""
        self._private.sort()
        for count, (_, session_id, one, read_one, other, read_other) in enumerate(self._private):
            if not count % AT_ONCE:
                yield
            one.private[session_id] = read_one
            other.private[session_id] = read_other
        self._private = []

    def _persons(self) -> Iterator[None]:
        """Make all who are not there yet; let go of persons that nothing refers to."""
        for user_id in (*self._found.users, *self._found.people):
            self._person(user_id)
        people = self._data.people
        people.put_back(dict(sorted(self._people.items())))
        for count, person in enumerate(self._people.values()):
            if not count % AT_ONCE:
                yield
            found = self._found.people.get(person.id, _UNKNOWN)
            if found.event_number:
                people.events.put(person.id, found.event_number, found.is_online or None)
            people.let_go(person)
        people.events.restored()

    def _rest(self) -> None:
        archive = self._data.archive
        archive.ids.resume(self._last_id)
        for session_id, sequence in self._found.emptied.items():
            archive.note_emptied(session_id, sequence)
        forgotten = archive.retention_ms()
        for user_id, ban in self._found.bans.items():
            if ban.forget_at > forgotten:
                self._data.bans.put(user_id, Ban(ban.since, ban.until), ban.forget_at)
        self._remember_all(archive.now_ms())

    def _remember_all(self, now_ms: int) -> None:
        """Remember the answers of the window, the oldest first.

        The clock was set back if messages are newer than it. The age of each of those is the time until
        the last one. So a clock that was ahead for a while does not make the messages before it seem old.
        """
        last_ms = int(self._last_id[:12], 16)
        aged = [(now_ms - one[0].created_at, *one) for one in self._found.requests]
        aged += [(last_ms - one[0].created_at, *one) for one in self._found.requests_ahead]
        for age_ms, message, request_id in sorted(aged, key=lambda one: one[0], reverse=True):
            if age_ms < REQUEST_ID_WINDOW * 1000:
                self._remember(message, request_id, age_ms / 1000)

    def _remember(self, message: Message, request_id: str, age: float) -> None:
        sent = Sent(message.id, message.session_id, message.sequence, message.created_at)
        digest = digest_of((message.category, message.content))
        self._data.answers.remember(message.sender.id, message.session_id, request_id, digest, sent, age)


def _chatroom(room_id: str, room: RoomFound) -> Chatroom:
    fields = RoomFields(room_id, room.created, room.name, room.is_kept, room.owner, room.admins)
    chatroom = Chatroom(Session(f"1:{room_id}", CHATROOM, (room_id,)), room.name, room.created)
    chatroom.take(fields)
    chatroom.mutes = room.mutes or None
    chatroom.kept_mutes = len(room.mutes)
    chatroom.members = len(room.members)
    return chatroom


def _own_newest(messages: list[Message]) -> dict[str, str]:
    """Return the newest message of both users of a private session, as far as they sent any."""
    newest = messages[-1]
    for message in reversed(messages):
        if message.sender.id != newest.sender.id:
            return {newest.sender.id: newest.id, message.sender.id: message.id}
    return {newest.sender.id: newest.id}


def _newest_sequence(messages: list[Message]) -> int:
    """Return the largest sequence of a session; those of messages that were not numbered are 0."""
    return messages[-1].sequence or max(message.sequence for message in messages)


def _below(message_id: str) -> str:
    """Return the id just below one."""
    return f"{int(message_id, 16) - 1:032x}"
