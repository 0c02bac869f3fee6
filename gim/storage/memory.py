"""The memory store: everything in this process, gone with it.

What is kept, and for how long (sizes measured on CPython 3.11, 64 bit):

- a message, about 500 bytes with 100 bytes of content: until it is older than the time to live, until
  its session has ``max_session_messages`` newer ones, or until there are ``max_messages`` newer ones
  in all. An expired message is not handed out; `MemoryStore.sweep` removes it soon after.
- a private session, about 600 bytes with both people's read positions: while it holds messages. Of
  those emptied last, `gim.storage.archive.MAX_EMPTIED`, the sequence is kept, so that it goes on.
- a membership, about 480 bytes: until the user leaves.
- a chatroom, about 300 bytes: while it has a member or holds messages.
- a user, about 300 bytes: while a connection of theirs is logged in, while they are a member
  somewhere, while a message is kept that they sent or were sent, and for `gim.storage.people.HOLD`
  seconds after a login without a connection.
- the answer to a ``request_id``, about 400 bytes: see `gim.storage.once`.
"""

from __future__ import annotations

from itertools import islice, takewhile
from secrets import token_bytes, token_hex

from sortedcontainers import SortedDict
from twisted.internet.interfaces import IReactorTime

from gim.model import Message, Sent, SessionItem, User, UserState
from gim.names import CHATROOM, Session
from gim.storage.archive import Archive
from gim.storage.ids import FIRST, LAST
from gim.storage.inbox import Inbox
from gim.storage.once import Once
from gim.storage.people import People
from gim.storage.records import Chatroom, Membership
from gim.storage.seam import Draft, Entered, Left, Listener, Missed, News, Position, Stored


class MemoryStore:
    """Implements `gim.storage.seam.Storage` in this process. No coroutine of it ever waits."""

    keeps_order = True

    def __init__(
        self,
        clock: IReactorTime,
        *,
        max_session_messages: int = 10_000,
        max_messages: int = 1_000_000,
        ttl: float = 30 * 86400,
        sequences: bool = False,
    ) -> None:
        """*ttl* is in seconds; *sequences* gives every message its number within the session."""
        self._epoch, self._token_key = token_hex(8), token_bytes(32)
        self._people = People(clock)
        self._archive = Archive(
            clock,
            self._people,
            max_session_messages=max_session_messages,
            max_messages=max_messages,
            ttl=ttl,
            sequences=sequences,
        )
        self._inbox = Inbox(self._archive, self._people)
        self._once = Once(clock)
        self._memberships: SortedDict[tuple[str, str], Membership] = SortedDict()
        self._listener: Listener | None = None

    async def start(self, listener: Listener) -> None:
        self._listener = listener

    async def stop(self) -> None:
        self._listener = None

    async def ping(self) -> None:
        pass

    async def epoch(self) -> str:
        return self._epoch

    async def token_key(self) -> bytes:
        return self._token_key

    def sizes(self) -> dict[str, int]:
        """Return how many entries of each kind are kept."""
        return {
            "messages": len(self._archive.messages),
            "conversations": len(self._archive),
            "users": len(self._people),
            "memberships": len(self._memberships),
            "answers": len(self._once),
        }

    def sweep(self, limit: int) -> bool:
        """Remove up to *limit* of each kind that have had their time; say if more may wait."""
        return any([self._archive.expire(limit), self._people.release(limit), self._once.sweep(limit)])

    async def put_user(self, user_id: str, name: str | None, hold: bool = False) -> User:
        person = self._people.log_in(user_id, name)
        if hold:
            self._people.hold(user_id)
        return person.user

    async def user(self, user_id: str) -> UserState:
        return self._people.state(user_id)

    async def watch_user(self, user_id: str) -> None:
        self._people.make(user_id).watched = True

    def unwatch_user(self, user_id: str) -> None:
        person = self._people.get(user_id)
        if person is not None:
            person.watched = False
            self._people.let_go(person)

    async def append(self, draft: Draft) -> Sent:
        if draft.request_id:
            return self._append_once(draft)
        return self._append(draft)

    def _append_once(self, draft: Draft) -> Sent:
        key = draft.sender.id, draft.session.id, draft.request_id
        sent = self._once.find(*key)
        if sent is None:
            sent = self._append(draft)
            self._once.remember(*key, sent)
        return sent

    def _append(self, draft: Draft) -> Sent:
        if draft.session.type == CHATROOM:
            self._archive.membership(draft.session.parts[0], draft.sender.id)
            message = self._append_to_chatroom(draft)
        else:
            message = self._append_private(draft)
        return Sent(message.id, message.session_id, message.sequence, message.created_at)

    def _append_to_chatroom(self, draft: Draft) -> Message:
        sender = self._people.known(draft.sender)
        chatroom_id = draft.session.parts[0]
        chatroom = self._archive.chatroom(chatroom_id)
        message = self._archive.store(chatroom, sender, draft)
        sender.rooms[chatroom_id].read = message.id
        if chatroom.watched:
            self._announce(Stored(message, draft.session, chatroom.name, draft.origin, ""))
        self._archive.trim(chatroom)
        return message

    def _append_private(self, draft: Draft) -> Message:
        session = draft.session
        sender = self._people.known(draft.sender)
        receiver = self._people.make(session.peer_of(sender.id))
        conversation = self._archive.private(session)
        message = self._archive.store(conversation, sender, draft)
        receiver.stored += 1
        # out and in again: at the end of the order, which is where the newest is
        receiver.private[session.id] = receiver.private.pop(session.id, FIRST)
        sender.private.pop(session.id, None)
        sender.private[session.id] = message.id
        if receiver.watched:
            self._announce(Stored(message, session, sender.title, draft.origin, receiver.id))
        if sender.watched and not draft.is_alone:
            self._announce(Stored(message, session, receiver.title, draft.origin, sender.id))
        self._archive.trim(conversation)
        return message

    def _announce(self, news: News) -> None:
        if self._listener is not None:
            self._listener.announced(news)

    async def history(
        self, session: Session, reader: str, before: str | None, count: int
    ) -> tuple[list[Message], bool]:
        if session.type == CHATROOM:
            self._archive.membership(session.parts[0], reader)
        floor = self._archive.floor()
        return self._archive.messages.page(session.id, floor, before or LAST, count)

    async def sessions(
        self, user_id: str, kind: int | None, after: Position | None, count: int
    ) -> tuple[list[SessionItem], Position | None]:
        person = self._people.get(user_id)
        return self._inbox.sessions(person, kind, after, count) if person else ([], None)

    async def mark_read(self, session: Session, reader: str, message_id: str) -> int:
        conversation = self._archive.get(session.id)
        last = conversation.last if conversation is not None else None
        upto = min(message_id, last.id) if last is not None else FIRST
        if session.type == CHATROOM:
            membership = self._archive.membership(session.parts[0], reader)
            read = membership.read = max(membership.read, upto)
        else:
            person = self._people.get(reader)
            if person is None or session.id not in person.private:
                return 0
            read = max(person.private[session.id], upto)
            person.private[session.id] = read  # a key that is there keeps its place in the order
        return self._archive.unread(session.id, read)

    async def missed(self, user_id: str, since: str | None, limit: int) -> Missed:
        person = self._people.get(user_id)
        if person is None:
            return Missed([], {}, since is None or self._people.forgotten_lost <= since)
        return self._inbox.missed(person, since, limit)

    def delivered(self, user_id: str, message_id: str) -> None:
        person = self._people.get(user_id)
        if person is not None:
            person.mark = max(person.mark, message_id)

    async def join(self, chatroom_id: str, user: User, name: str) -> int:
        chatroom = self._archive.make_chatroom(chatroom_id, name)
        person = self._people.known(user)
        if chatroom_id not in person.rooms:
            read = chatroom.last.id if chatroom.last is not None else FIRST
            membership = Membership(self._archive.time_id(), read)
            person.rooms[chatroom_id] = self._memberships[chatroom_id, user.id] = membership
            chatroom.members += 1
            if person.watched:
                self._announce(Entered(user.id, chatroom_id))
        return chatroom.members

    async def leave(self, chatroom_id: str, user_id: str) -> None:
        chatroom = self._archive.chatroom(chatroom_id)
        if self._memberships.pop((chatroom_id, user_id), None) is None:
            return
        chatroom.members -= 1
        person = self._people[user_id]
        del person.rooms[chatroom_id]
        if person.watched:
            self._announce(Left(user_id, chatroom_id))
        self._people.let_go(person)
        self._archive.let_go(chatroom)

    async def members(
        self, chatroom_id: str, reader: str, after: str, count: int
    ) -> tuple[list[UserState], int, bool]:
        self._archive.membership(chatroom_id, reader)
        keys = self._memberships.irange((chatroom_id, after), inclusive=(False, True))
        of_chatroom = takewhile(lambda key: key[0] == chatroom_id, keys)
        people = [self._people[user_id] for _, user_id in islice(of_chatroom, count + 1)]
        items = [UserState(person.id, person.title, person.watched) for person in people[:count]]
        return items, self._archive.chatroom(chatroom_id).members, len(people) > count

    async def chatrooms(self, user_id: str) -> list[str]:
        person = self._people.get(user_id)
        return list(person.rooms) if person is not None else []

    async def watch_chatroom(self, chatroom_id: str) -> None:
        self._archive.chatroom(chatroom_id).watched = True

    def unwatch_chatroom(self, chatroom_id: str) -> None:
        chatroom = self._archive.get(f"1:{chatroom_id}")
        if isinstance(chatroom, Chatroom):
            chatroom.watched = False
