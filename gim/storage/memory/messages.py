"""Messages in memory: storing and announcing them, reading them, read positions."""

from __future__ import annotations

from gim.ids import CHATROOM, Session
from gim.limits.rate_per_second import RatePerSecond
from gim.model import Event, EventType, Message, Sent, SessionItem
from gim.storage import refusals
from gim.storage.announcements import MessageStored, SessionEvent
from gim.storage.interface import Draft, Missed, Position
from gim.storage.memory.archive import Archive
from gim.storage.memory.idempotency import IdempotencyCache, digest_of
from gim.storage.memory.inbox import Inbox
from gim.storage.memory.people import People
from gim.storage.memory.recorder import Recorder
from gim.storage.memory.records import Chatroom, Person
from gim.storage.memory.subscribers import Subscriber, announce
from gim.storage.message_ids import FIRST, LAST


class MemoryMessages:
    """Implements `gim.storage.interface.Messages` for one subscriber."""

    def __init__(
        self,
        archive: Archive,
        people: People,
        inbox: Inbox,
        answers: IdempotencyCache,
        recorder: Recorder,
        send_rate: RatePerSecond,
        own: Subscriber,
    ) -> None:
        self._archive = archive
        self._people = people
        self._inbox = inbox
        self._answers = answers
        self._record_read = recorder.read
        self._record_delivered = recorder.delivered
        self._count_send = send_rate.take
        self._own = own

    async def append(self, draft: Draft, /) -> Sent:
        return self.append_at_once(draft)

    def append_at_once(self, draft: Draft, /) -> Sent:
        self._count_send(draft.sender.id)
        if draft.request_id:
            return self._append_once(draft)
        if draft.session.type == CHATROOM:
            return self._append_to_chatroom(draft)
        return self._append_private(draft)

    def _append_once(self, draft: Draft) -> Sent:
        key = draft.sender.id, draft.session.id, draft.request_id
        digest = digest_of((draft.category, draft.content))
        answer = self._answers.find(*key)
        if answer is not None and self._archive.holds(draft.session.id, answer[1].id):
            if answer[0] != digest:
                raise refusals.request_id_reused()
            return answer[1]
        if draft.session.type == CHATROOM:
            sent = self._append_to_chatroom(draft)
        else:
            sent = self._append_private(draft)
        self._answers.remember(*key, digest, sent)
        return sent

    def _append_to_chatroom(self, draft: Draft) -> Sent:
        chatroom_id = draft.session.parts[0]
        chatroom = self._archive.chatroom(chatroom_id)
        if not draft.as_admin:
            self._archive.membership(chatroom_id, draft.sender.id)
            if chatroom.mutes is not None:
                self._check_mute(chatroom, draft.sender.id)
        sender = self._people.sender(draft.sender)
        message = self._archive.store(chatroom, sender, draft)
        if (membership := sender.rooms.get(chatroom_id)) is not None:
            membership.read = message.id
        if chatroom.subscribers:
            news = MessageStored(message, draft.session, chatroom.name, draft.origin, "")
            for subscriber in chatroom.subscribers:
                subscriber.announce(news)
        self._archive.trim(chatroom)
        return Sent(message.id, message.session_id, message.sequence, message.created_at)

    def _check_mute(self, chatroom: Chatroom, user_id: str) -> None:
        """Raise `Forbidden` for a user who is muted in a chatroom that has mutes."""
        left_ms = (chatroom.mutes or {}).get(user_id, 0) - self._archive.now_ms()
        if left_ms > 0:
            raise refusals.muted(chatroom.session.parts[0], left_ms)

    def _append_private(self, draft: Draft) -> Sent:
        session_id, _, (one, other) = session = draft.session
        sender = self._people.sender(draft.sender)
        receiver = self._people.receiver(other if sender.id == one else one)
        conversation = self._archive.private(session)
        message = self._archive.store(conversation, sender, draft)
        receiver.stored += 1
        # out and in again: at the end of the order, which is where the newest is
        private = receiver.private
        private[session_id] = private.pop(session_id, FIRST)
        private = sender.private
        private.pop(session_id, None)
        private[session_id] = message.id
        if receiver.order is not None:
            self._inbox.moved(receiver, message)
        if sender.order is not None:
            self._inbox.moved(sender, message)
        if receiver.subscribers:
            news = MessageStored(message, session, sender.user.name, draft.origin, receiver.id)
            for subscriber in receiver.subscribers:
                subscriber.announce(news)
        if sender.subscribers and not (draft.is_alone and sender.subscribers is self._own.alone):
            self._announce_to_sender(sender, receiver, message, draft)
        self._archive.trim(conversation)
        return Sent(message.id, session_id, message.sequence, message.created_at)

    def _announce_to_sender(
        self, sender: Person, receiver: Person, message: Message, draft: Draft
    ) -> None:
        news = MessageStored(message, draft.session, receiver.title, draft.origin, sender.id)
        for subscriber in sender.subscribers:
            if subscriber is not self._own or not draft.is_alone:
                subscriber.announce(news)

    async def history(
        self, session: Session, reader: str, before: str | None, count: int
    ) -> tuple[list[Message], bool]:
        if session.type == CHATROOM:
            self._archive.check_reader(session.parts[0], reader)
        return self._archive.page(session.id, before or LAST, count)

    def newest_rank(self) -> str:
        return self._archive.time_id()

    async def sessions(
        self, user_id: str, kind: int | None, after: Position | None, count: int, since: str = FIRST
    ) -> tuple[list[SessionItem], Position | None]:
        person = self._people.get(user_id)
        return self._inbox.sessions(person, kind, after, count, since) if person else ([], None)

    async def mark_read(self, session: Session, reader: str, message_id: str) -> int:
        before = self._read_position(session, reader)
        if before is None:
            return 0
        last = self._archive.live_last(self._archive[session.id])
        read = min(message_id, last.id) if last is not None else FIRST
        unread = self._archive.unread(session.id, before)
        if read <= before:
            return unread
        self._record_read(reader, session.id, read)
        person = self._people[reader]
        if session.type == CHATROOM:
            person.rooms[session.parts[0]].read = read
        else:
            person.private[session.id] = read  # a key that is there keeps its place in the order
        left = self._archive.unread(session.id, read)
        if left < unread and person.subscribers:
            event = Event(EventType.READ, reader, session.id, reader, read, unread=left)
            announce(person, SessionEvent(session, event, reader))
        return left

    def _read_position(self, session: Session, reader: str) -> str | None:
        """Return a read position, None for a private session without messages.

        For a chatroom, raises as `history` does.
        """
        if session.type == CHATROOM:
            return self._archive.membership(session.parts[0], reader).read
        person = self._people.get(reader)
        return person.private.get(session.id) if person is not None else None

    async def missed(self, user_id: str, since: str | None, limit: int) -> Missed:
        person = self._people.get(user_id)
        if person is None:
            return Missed([], {}, since is None or self._people.forgotten_dropped <= since)
        return self._inbox.missed(person, since, limit)

    def delivered(self, user_id: str, message_id: str) -> None:
        person = self._people.get(user_id)
        if person is not None and message_id > person.delivered_up_to:
            person.delivered_up_to = message_id
            if self._record_delivered is not None:
                self._record_delivered(user_id, message_id)
