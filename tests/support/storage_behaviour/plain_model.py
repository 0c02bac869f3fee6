"""A model of the storage in plain lists, written from docs/protocol.md.

It is slow and simple: it walks over everything it holds for each question.
"""

from __future__ import annotations

from msgspec.structs import replace

from gim.errors import Forbidden, GimError, NotFound
from gim.ids import CHATROOM, PRIVATE, Session, chatroom_session
from gim.model import Message, Sent, SessionItem
from tests.support.storage_behaviour.base import ANCIENT

ROOMS = ("r", "s")
WINDOW = 300.0  # seconds


class Model:
    """What a chat holds, in lists from the oldest to the newest."""

    def __init__(self, max_session_messages: int, max_messages: int, ttl_ms: int) -> None:
        self.max_session_messages = max_session_messages
        self.max_messages = max_messages
        self.ttl_ms = ttl_ms
        self.now_ms = 0
        self.messages: list[Message] = []  # kept, and not expired
        self.places: dict[str, int] = {}  # when each message was stored, as its place among all events
        self.events = 0  # messages stored and chatrooms joined
        self.lost: list[tuple[str, Session]] = []  # ids of those not kept any more
        self.members: dict[str, dict[str, int]] = {room: {} for room in ROOMS}  # and place of joining
        self.read: dict[tuple[str, str], str] = {}  # by user and session
        self.marks: dict[str, str] = {}
        self.answers: list[tuple[int, tuple[str, str, str], str, Sent]] = []
        self.names: dict[str, str] = {}

    def expire(self) -> None:
        for message in list(self.messages):
            if message.created_at < self.now_ms - self.ttl_ms:
                self.lose(message)

    def lose(self, message: Message) -> None:
        self.messages.remove(message)
        self.lost.append((message.id, session_of(message)))

    def of(self, session: Session) -> list[Message]:
        return [message for message in self.messages if message.session_id == session.id]

    def store(self, message: Message) -> None:
        self.messages.append(message)
        self.events += 1
        self.places[message.id] = self.events
        self.read[message.sender.id, message.session_id] = message.id
        if len(self.of(session_of(message))) > self.max_session_messages:
            self.lose(self.of(session_of(message))[0])
        if len(self.messages) > self.max_messages:
            self.lose(self.messages[0])

    def join(self, room: str, user_id: str) -> None:
        if user_id not in self.members[room]:
            self.events += 1
            self.members[room][user_id] = self.events
            newest = [message.id for message in self.of(chatroom_session(room))]
            self.read[user_id, f"1:{room}"] = newest[-1] if newest else ANCIENT

    def leave(self, room: str, user_id: str) -> None:
        self.members[room].pop(user_id, None)
        if not self.members[room]:
            self.dismiss(room)

    def dismiss(self, room: str) -> None:
        self.members[room] = {}
        self.messages = [m for m in self.messages if m.session_id != f"1:{room}"]

    def recall(self, message: Message) -> None:
        self.messages[self.messages.index(message)] = replace(message, content="", status=2)

    def mark_read(self, user_id: str, session: Session, message_id: str) -> None:
        newest = [message.id for message in self.of(session)]
        if newest:
            before = self.read.get((user_id, session.id), ANCIENT)
            self.read[user_id, session.id] = max(before, min(message_id, newest[-1]))

    def remembered(self, sender: str, session: Session, request_id: str) -> tuple[str, Sent] | None:
        """Return the content and the answer of this request if it is of the last five minutes and its
        message is kept; "" is no request."""
        for at_ms, key, content, sent in self.answers:
            if (
                request_id
                and key == (sender, session.id, request_id)
                and at_ms > self.now_ms - WINDOW * 1000
                and any(message.id == sent.id for message in self.messages)
            ):
                return content, sent
        return None

    def remember(self, sender: str, session: Session, request_id: str, content: str, sent: Sent) -> None:
        self.answers.append((self.now_ms, (sender, session.id, request_id), content, sent))

    def refusal(self, session: Session, user_id: str) -> tuple[type[GimError], ...]:
        """Return how the store may refuse a user the chatroom; not at all when empty."""
        if session.type == PRIVATE or user_id in self.members[session.parts[0]]:
            return ()
        return (Forbidden,) if self.members[session.parts[0]] else (NotFound,)

    def unread(self, user_id: str, session: Session) -> int:
        after = self.read.get((user_id, session.id), ANCIENT)
        return sum(message.id > after and message.status == 1 for message in self.of(session))

    def private_of(self, user_id: str) -> list[Message]:
        return [m for m in self.messages if m.session_id[0] == "2" and user_id in session_of(m).parts]

    def lost_after(self, user_id: str, since: str) -> bool:
        mine = [
            gone for gone, session in self.lost if session.type == PRIVATE and user_id in session.parts
        ]
        return any(gone > since for gone in mine)

    def sessions_of(self, user_id: str) -> list[SessionItem]:
        """Return the list: newest message first, a chatroom without one by the joining."""
        ranks = {session_of(m): self.places[m.id] for m in self.private_of(user_id)}
        for room in ROOMS:
            if user_id in self.members[room]:
                messages = self.of(chatroom_session(room))
                joined = self.members[room][user_id]
                ranks[chatroom_session(room)] = self.places[messages[-1].id] if messages else joined
        newest_first = sorted(ranks, key=lambda session: ranks[session], reverse=True)
        return [self.line(user_id, session) for session in newest_first]

    def line(self, user_id: str, session: Session) -> SessionItem:
        title = self.title(user_id, session)
        last = self.of(session)[-1] if self.of(session) else None
        return SessionItem(session.id, session.type, title, last, self.unread(user_id, session))

    def title(self, user_id: str, session: Session) -> str:
        if session.type == CHATROOM:
            return f"chatroom:{session.parts[0]}"
        (peer,) = (part for part in session.parts if part != user_id)
        return self.names.get(peer, peer)


def session_of(message: Message) -> Session:
    kind, *parts = message.session_id.split(":")
    return Session(message.session_id, int(kind), tuple(parts))
