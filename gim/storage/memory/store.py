"""The memory store: everything in this process, gone with it.

What is kept, and for how long (sizes measured on CPython 3.11, 64 bit):

- a message, about 500 bytes with 100 bytes of content: until it is older than the time to live, until
  its session has ``max_session_messages`` newer ones, or until there are ``max_messages`` newer ones
  in all. An expired message is not handed out; `MemoryStore.sweep` removes it soon after.
- a private session, about 600 bytes with both people's read positions: while it holds messages. Of
  those emptied last, `gim.storage.memory.archive.MAX_EMPTIED`, the sequence is kept, so that it goes on.
- a membership, about 480 bytes: until the user leaves.
- a chatroom, about 350 bytes: while it has a member or holds messages; one that the server's
  administrator made, until it is dismissed. Its mutes, 100 bytes each, until another follows their end.
- a ban, about 300 bytes: until it has ended and all tokens from before it have expired.
- a user, about 300 bytes: while a connection of theirs is logged in, while they are a member
  somewhere, while a message is kept that they sent or were sent, and for `gim.storage.memory.people.HOLD`
  seconds after a login without a connection.
- the number of a user's last event, about 100 bytes, where events are counted: as long as the user.
- the answer to a ``request_id``, about 400 bytes: see `gim.storage.memory.idempotency`.
"""

from __future__ import annotations

from secrets import token_bytes, token_hex

from twisted.internet.interfaces import IReactorTime

from gim.ids import CHATROOM, Session, chatroom_session
from gim.model import (
    Ban,
    ConnectionState,
    Counts,
    Event,
    Member,
    Message,
    NodeCounts,
    Sent,
    SessionItem,
    User,
    UserState,
)
from gim.storage.interface import (
    Announcement,
    Broadcast,
    ConnectionCommand,
    Draft,
    Listener,
    MemberJoined,
    MemberLeft,
    MessageStored,
    Missed,
    Position,
)
from gim.storage.membership_limits import MembershipLimits
from gim.storage.memory.archive import Archive
from gim.storage.memory.bans import Bans
from gim.storage.memory.chatrooms import Chatrooms
from gim.storage.memory.idempotency import IdempotencyCache
from gim.storage.memory.inbox import Inbox
from gim.storage.memory.people import People
from gim.storage.memory.records import Chatroom, Person
from gim.storage.message_ids import FIRST, LAST
from gim.storage.node_names import new_node


class MemoryStore:
    """Implements `gim.storage.interface.Storage` in this process. No coroutine of it ever waits."""

    keeps_order = True
    outlives_process = False

    def __init__(
        self,
        clock: IReactorTime,
        *,
        max_session_messages: int = 10_000,
        max_messages: int = 1_000_000,
        ttl: float = 30 * 86400,
        sequences: bool = False,
        rooms: MembershipLimits | None = None,
    ) -> None:
        """*ttl* is in seconds; *sequences* gives every message its number within the session; *rooms* are
        no limits unless given."""
        self.node = new_node(clock)
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
        self._once = IdempotencyCache(clock)
        self._bans = Bans(clock)
        self._chatrooms = Chatrooms(
            self._archive, self._people, self._announce, self._membership_changed, clock
        )
        self._answered: list[ConnectionState] = []  # of the order under way
        self._room_limits = rooms or MembershipLimits()
        self._listener: Listener | None = None
        self._observer: Listener | None = None

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
            "memberships": len(self._chatrooms),
            "answers": len(self._once),
            "bans": len(self._bans),
        }

    def sweep(self, limit: int) -> bool:
        """Remove up to *limit* of each kind that have had their time; say if more may wait."""
        parts = self._archive.expire, self._people.release, self._once.sweep, self._bans.sweep
        may_wait = [sweep(limit) for sweep in parts]
        return any(may_wait)

    async def put_user(self, user_id: str, name: str | None, hold: bool = False) -> User:
        self._bans.check(user_id)
        person = self._people.log_in(user_id, name)
        if hold:
            self._people.hold(user_id)
        return person.user

    async def user(self, user_id: str) -> UserState:
        return self._people.state(user_id)

    async def subscribe_user(self, user_id: str) -> None:
        self._bans.check(user_id)
        self._people.make(user_id).watched = True

    def unsubscribe_user(self, user_id: str) -> None:
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
            message = self._append_to_chatroom(draft)
        else:
            message = self._append_private(draft)
        return Sent(message.id, message.session_id, message.sequence, message.created_at)

    def _append_to_chatroom(self, draft: Draft) -> Message:
        chatroom_id = draft.session.parts[0]
        chatroom = self._archive.chatroom(chatroom_id)
        if not draft.as_admin:
            self._archive.membership(chatroom_id, draft.sender.id)
            if chatroom.mutes is not None:
                self._chatrooms.check_mute(chatroom, draft.sender.id)
        sender = self._people.known(draft.sender)
        message = self._archive.store(chatroom, sender, draft)
        if (membership := sender.rooms.get(chatroom_id)) is not None:
            membership.read = message.id
        if chatroom.watched:
            self._announce(MessageStored(message, draft.session, chatroom.name, draft.origin, ""))
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
            self._announce(MessageStored(message, session, sender.title, draft.origin, receiver.id))
        if sender.watched and not draft.is_alone:
            self._announce(MessageStored(message, session, receiver.title, draft.origin, sender.id))
        self._archive.trim(conversation)
        return message

    def _announce(self, news: Announcement) -> None:
        if self._listener is not None:
            self._listener.on_announcement(news)

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

    async def join(self, chatroom_id: str, user: User, name: str, create_missing: bool = True) -> int:
        self._check_room_limits(chatroom_id, user.id)
        return self._chatrooms.join(chatroom_id, user, name, create_missing)

    def _check_room_limits(self, chatroom_id: str, user_id: str) -> None:
        person, chatroom = self._people.get(user_id), self._archive.get(chatroom_session(chatroom_id).id)
        rooms = person.rooms if person is not None else {}
        if chatroom_id not in rooms:
            members = chatroom.members if isinstance(chatroom, Chatroom) else 0
            self._room_limits.check(chatroom_id, members, len(rooms))

    async def leave(self, chatroom_id: str, user_id: str) -> None:
        self._chatrooms.leave(chatroom_id, user_id)

    def _membership_changed(self, person: Person, news: MemberJoined | MemberLeft) -> None:
        if person.watched:
            self._announce(news)
        if self._observer is not None:
            self._observer.on_announcement(news)

    def observe(self, observer: Listener) -> None:
        self._observer = observer

    async def next_event_number(
        self, user_id: str, online: bool | None = None, key: str = ""
    ) -> int | None:
        return self._people.count_event(user_id, online)

    async def users_to_reannounce(self, limit: int) -> list[str]:
        return []

    async def members(
        self, chatroom_id: str, reader: str, after: str, count: int
    ) -> tuple[list[Member], int, bool]:
        return self._chatrooms.members(chatroom_id, reader, after, count)

    async def chatrooms(self, user_id: str) -> list[str]:
        person = self._people.get(user_id)
        return list(person.rooms) if person is not None else []

    async def subscribe_chatroom(self, chatroom_id: str) -> None:
        self._archive.chatroom(chatroom_id).watched = True

    def unsubscribe_chatroom(self, chatroom_id: str) -> None:
        chatroom = self._archive.get(chatroom_session(chatroom_id).id)
        if isinstance(chatroom, Chatroom):
            chatroom.watched = False

    # roles

    async def create(self, chatroom_id: str, name: str, owner: User | None) -> None:
        self._chatrooms.create(chatroom_id, name, owner)

    async def rename(self, chatroom_id: str, by: str, name: str) -> None:
        self._chatrooms.rename(chatroom_id, by, name)

    async def dismiss(self, chatroom_id: str, by: str) -> None:
        self._chatrooms.dismiss(chatroom_id, by)

    async def remove(self, chatroom_id: str, by: str, user_id: str) -> None:
        self._chatrooms.remove(chatroom_id, by, user_id)

    async def mute(self, chatroom_id: str, by: str, user_id: str, duration: int) -> int:
        return self._chatrooms.mute(chatroom_id, by, user_id, duration)

    async def appoint(self, chatroom_id: str, by: str, user_id: str, role: str) -> None:
        self._chatrooms.appoint(chatroom_id, by, user_id, role)

    async def recall(self, session: Session, by: str, message_id: str) -> None:
        self._chatrooms.recall(session, by, message_id)

    # users and nodes

    async def ban(self, user_id: str, duration: int, remember: int) -> int:
        return self._bans.begin(user_id, duration, remember)

    async def unban(self, user_id: str) -> None:
        self._bans.end(user_id)

    async def ban_of(self, user_id: str) -> Ban:
        return self._bans.of(user_id)

    async def order(self, order: ConnectionCommand) -> list[ConnectionState]:
        person = self._people.get(order.user_id)
        self._answered = []
        if person is not None and person.watched:
            self._announce(order)
        answered, self._answered = self._answered, []
        return answered

    def answer(self, order: ConnectionCommand, connections: list[ConnectionState]) -> None:
        self._answered += connections

    async def broadcast(self, event: Event) -> None:
        self._announce(Broadcast(event))

    async def statistics(self) -> list[NodeCounts]:
        counts = self._listener.counts() if self._listener is not None else Counts()
        return [
            NodeCounts(
                connections=counts.connections,
                users=counts.users,
                chatrooms=counts.chatrooms,
                messages=self._archive.stored,
                node=self.node,
            )
        ]
