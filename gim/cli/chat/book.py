"""The conversations of a user, which of them is open, and what people are called. No input, no output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from gim import ids
from gim.cli.output import safe
from gim.client.calls import Chatroom, SessionItem
from gim.client.events import Message, User
from gim.errors import BadRequest

_KEPT = 500  # messages of a conversation
_ROOM = "#"  # stands before the id of a chatroom
_RECALLED = 2  # the status of a message


@dataclass
class Conversation:
    """A session as the user sees it; ``target`` is the id of the chatroom or of the other user."""

    session: str
    target: str
    is_room: bool
    title: str = ""
    unread: int = 0
    messages: dict[str, Message] = field(default_factory=dict)  # by id, ascending

    @property
    def word(self) -> str:
        """What the user types for it, such as ``#den`` or ``bob``."""
        return f"{_ROOM}{self.target}" if self.is_room else self.target

    @property
    def receiver(self) -> str | Chatroom:
        return Chatroom(self.target) if self.is_room else self.target

    @property
    def last(self) -> Message | None:
        return next(reversed(self.messages.values()), None)

    def add(self, message: Message) -> bool:
        """Keep a message in its place; say whether it is new."""
        is_new, last = message.id not in self.messages, self.last
        self.messages[message.id] = message
        if last is not None and message.id < last.id:
            self.messages = dict(sorted(self.messages.items()))
        if len(self.messages) > _KEPT:
            del self.messages[next(iter(self.messages))]
        return is_new

    def recall(self, id: str) -> Message | None:
        """Empty a message; return what it was, None for one that is not known."""
        message = self.messages.get(id)
        if message is not None:
            self.messages[id] = replace(message, status=_RECALLED, content="")
        return message

    def own(self, user: str) -> list[Message]:
        """Return the messages of a user that are not recalled, the newest first."""
        return [
            each
            for each in reversed(self.messages.values())
            if each.sender.id == user and each.status != _RECALLED
        ]


class Book:
    """All conversations of the user *me*, by session id."""

    def __init__(self, me: str) -> None:
        self.me = me
        self.open: Conversation | None = None
        self._conversations: dict[str, Conversation] = {}
        self._names: dict[str, str] = {}  # by id of a user
        self._bearers: Counter[str] = Counter()  # how many users have a name

    def __iter__(self) -> Iterator[Conversation]:
        return iter(self._conversations.values())

    def of(self, session_id: str) -> Conversation:
        """Return the conversation of a session, a new one if need be. Raises `BadRequest`."""
        try:
            session = ids.session(session_id)
        except BadRequest as error:
            raise BadRequest(str(error).removeprefix("session_id: ")) from error
        known = self._conversations.get(session.id)
        if known is None:
            is_room = session.type == ids.CHATROOM
            target = session.parts[0] if is_room else session.peer_of(self.me)
            known = self._conversations[session.id] = Conversation(session.id, target, is_room)
        return known

    def room(self, id: str) -> Conversation:
        """Return the conversation of a chatroom. Raises `BadRequest` for what can't be its id."""
        return self.of(f"{ids.CHATROOM}:{ids.check_id(id, 'chatroom')}")

    def user(self, id: str) -> Conversation:
        """Return the conversation with a user. Raises `BadRequest` for what can't be an id."""
        return self.of(f"{ids.PRIVATE}:{self.me}:{ids.check_id(id, 'user')}")

    def find(self, word: str) -> Conversation:
        """Return what a word means: a session id, #CHATROOM, an id or a title that is known, or a user.

        Raises `BadRequest` for what is none of these.
        """
        if ":" in word:
            return self.of(word)
        if word.startswith(_ROOM) and len(word) > 1:
            return self.room(word.removeprefix(_ROOM))
        for named in (self._by_target, self._by_title):
            found = [each for each in self if named(each) == word]
            if len(found) == 1:
                return found[0]
        return self.user(word)

    @staticmethod
    def _by_target(conversation: Conversation) -> str:
        return conversation.target

    @staticmethod
    def _by_title(conversation: Conversation) -> str:
        return conversation.title

    def known(self, session_id: str) -> Conversation | None:
        """Return the conversation of a session if there is one."""
        return self._conversations.get(session_id)

    def forget(self, conversation: Conversation) -> None:
        """Remove a conversation that has ended; it is not open any more."""
        self._conversations.pop(conversation.session, None)
        if self.open is conversation:
            self.open = None

    def take_list(self, items: Iterable[SessionItem]) -> None:
        """Take titles and counts from the server's list of sessions."""
        for item in items:
            try:
                conversation = self.of(item.id)
            except BadRequest:
                continue  # a kind of session that this version does not know
            conversation.title = item.title
            conversation.unread = 0 if conversation is self.open else item.unread
            if item.last is not None:
                self._meet(item.last.sender)

    def take(self, message: Message) -> tuple[Conversation, bool]:
        """Take a message; return its conversation, and whether it is new."""
        conversation = self.of(message.session_id)
        self._meet(message.sender)
        if message.title:
            conversation.title = message.title
        is_new = conversation.add(message)
        if is_new and conversation is not self.open and message.sender.id != self.me:
            conversation.unread += 1
        return conversation, is_new

    def meet(self, users: Iterable[User]) -> None:
        """Take names of users."""
        for user in users:
            self._meet(user)

    def _meet(self, user: User) -> None:
        before = self._names.get(user.id)
        if before != user.name:
            self._names[user.id] = user.name
            self._bearers[user.name] += 1
            if before is not None:
                self._bearers[before] -= 1

    def name_of(self, id: str) -> str:
        """Return what to call a user on a terminal: the name, with the id where others have the same."""
        if id == ids.SYSTEM:
            return "system"
        name = self._names.get(id) or id
        clashes = name != id and (self._bearers[name] > 1 or name in self._names)
        return safe(f"{name} ({id})" if clashes else name)

    def title_of(self, conversation: Conversation) -> str:
        """Return how to head a conversation."""
        title, target = conversation.title, conversation.target
        word = safe(conversation.word)
        return word if title in ("", target, f"chatroom:{target}") else f"{safe(title)} ({word})"

    def unread(self) -> list[Conversation]:
        """Return the conversations that have unread messages."""
        return [each for each in self if each.unread]
