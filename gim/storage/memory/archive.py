"""Conversations and their messages in memory: storing, trimming, expiring."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterator

from msgspec.structs import replace
from sortedcontainers import SortedList

from gim.concurrency.clocks import RetentionClock, WallClock
from gim.ids import PRIVATE, SYSTEM, Session, chatroom_session
from gim.model import Message, MessageStatus
from gim.storage import refusals
from gim.storage.interface import Draft
from gim.storage.memory.message_index import PAGE_SIZE, MessageIndex, newest_between
from gim.storage.memory.people import People
from gim.storage.memory.recorder import Recorder, RoomFields
from gim.storage.memory.records import Chatroom, Conversation, Membership, Person
from gim.storage.memory.subscribers import Subscriber
from gim.storage.message_ids import FIRST, LAST, TimeIds, first_id_of

_NORMAL = MessageStatus.NORMAL.value  # a plain int: cheaper to write out

MAX_EMPTIED = 100_000  # private sessions without messages whose sequence is kept, 200 bytes each


class Archive:
    """Stores messages into conversations and removes the oldest.

    A private conversation is dropped with its last message, a chatroom with its last member. Expired
    messages stay in ``messages`` until `expire` removes them: readers start at `floor`. They grow old
    by the *retention* clock.
    """

    def __init__(
        self,
        wall: WallClock,
        retention: RetentionClock,
        people: People,
        recorder: Recorder,
        *,
        max_session_messages: int,
        max_messages: int,
        ttl: float,
        sequences: bool,
    ) -> None:
        self._wall = wall
        self._retention = retention
        self._people = people
        self._record = recorder.message
        self._record_dropped = recorder.dropped
        self._max_session_messages = max_session_messages
        self._max_messages = max_messages
        self._ttl_ms = round(ttl * 1000)
        self._sequences = sequences
        self.ids = TimeIds(wall)
        self._conversations: dict[str, Conversation] = {}  # by session id, the chatrooms among them
        self.chatroom_ids: SortedList[str] = SortedList()
        self._emptied: OrderedDict[str, int] = OrderedDict()  # private session id to its sequence
        self.messages = MessageIndex()
        self.stored = 0  # messages since the start
        self.watched = 0  # chatrooms with subscribers
        self.newest_trimmed = (
            FIRST  # of the messages that went as the oldest of all: no older one is kept
        )

    def __getitem__(self, session_id: str) -> Conversation:
        return self._conversations[session_id]

    def __len__(self) -> int:
        return len(self._conversations)

    def get(self, session_id: str) -> Conversation | None:
        return self._conversations.get(session_id)

    def now_ms(self) -> int:
        """Return the Unix time in ms."""
        return self._wall.now_ms()

    def floor(self) -> str:
        """Return the id below which messages have expired."""
        return first_id_of(self._retention.now_ms() - self._ttl_ms)

    def retention_ms(self) -> int:
        """Return the Unix time in ms by which to forget what has ended."""
        return self._retention.now_ms()

    def time_id(self) -> str:
        """Return an id of now that ranks among those of the messages."""
        return self.ids.next()[0]

    def live_last(self, conversation: Conversation) -> Message | None:
        """Return the newest message unless it has expired."""
        last = conversation.last
        return last if last is not None and last.id >= self.floor() else None

    def unread(self, session_id: str, read: str) -> int:
        """Return how many messages wait after a read position, without recalled ones. O(log n)."""
        conversation = self._conversations.get(session_id)
        if conversation is None or not conversation.newest:
            return 0
        after = max(read, self.floor())
        count = self.messages.count_after(session_id, conversation.newest, after)
        recalled = conversation.recalled
        return count - (len(recalled) - bisect_right(recalled, after)) if recalled else count

    def page(self, session_id: str, before: str, count: int) -> tuple[list[Message], bool]:
        """Return the newest *count* messages of a session before an id, and if there are older."""
        conversation = self._conversations.get(session_id)
        if conversation is None or not conversation.newest:
            return [], False
        newest = conversation.newest
        is_only = len(newest) == conversation.count
        return self.messages.page(session_id, newest, self.floor(), before, count, is_only)

    def newest_first(self, conversation: Conversation, after: str) -> Iterator[Message]:
        """Walk the messages of a conversation backwards as far as *after*, exclusive."""
        newest = conversation.newest
        if newest and len(newest) == conversation.count:  # no other page need be searched for
            return reversed(newest_between(newest, after, LAST, PAGE_SIZE))
        return self.messages.newest_first(conversation.session.id, after)

    def private(self, session: Session) -> Conversation:
        """Return a private conversation; a missing one is kept once a message is stored in it."""
        conversation = self._conversations.get(session.id)
        if conversation is None:
            conversation = Conversation(session)
            conversation.sequence = self._emptied.get(session.id, 0)
        return conversation

    def chatroom(self, chatroom_id: str) -> Chatroom:
        """Return a chatroom, or raise `NotFound`."""
        chatroom = self._conversations.get(chatroom_session(chatroom_id).id)
        if not isinstance(chatroom, Chatroom) or chatroom.is_gone:
            raise refusals.no_chatroom(chatroom_id)
        return chatroom

    def find_chatroom(self, chatroom_id: str) -> Chatroom | None:
        """Return a chatroom, None for none."""
        chatroom = self._conversations.get(chatroom_session(chatroom_id).id)
        return chatroom if isinstance(chatroom, Chatroom) and not chatroom.is_gone else None

    def check_free(self, chatroom_id: str) -> None:
        """Raise `Conflict` while parts of a chatroom of this id are left that has ended.

        So no chatroom has members or messages of another one that had its id.
        """
        if chatroom_session(chatroom_id).id in self._conversations:
            raise refusals.chatroom_ends(chatroom_id)

    def make_chatroom(self, fields: RoomFields) -> Chatroom:
        """Return a new chatroom. Unless it is to be kept, a member must follow."""
        chatroom = Chatroom(chatroom_session(fields.id), fields.name, fields.created)
        chatroom.take(fields)
        self.put_back(chatroom)
        return chatroom

    def watch(self, chatroom: Chatroom, subscriber: Subscriber) -> None:
        """Announce to a subscriber what happens in a chatroom. May be repeated."""
        self.watched += not chatroom.subscribers
        subscriber.watch(chatroom)

    def unwatch(self, chatroom: Chatroom, subscriber: Subscriber) -> None:
        """Announce to a subscriber no longer what happens in a chatroom."""
        if chatroom.subscribers:
            subscriber.unwatch(chatroom)
            self.watched -= not chatroom.subscribers

    def membership(self, chatroom_id: str, user_id: str) -> Membership:
        """Return a membership, or raise `NotFound` for the chatroom, `Forbidden` for the user."""
        self.chatroom(chatroom_id)
        person = self._people.get(user_id)
        membership = person.rooms.get(chatroom_id) if person is not None else None
        if membership is None:
            raise refusals.no_member(chatroom_id)
        return membership

    def check_reader(self, chatroom_id: str, reader: str) -> None:
        """Raise as `membership` does if a user may not read; `gim.ids.SYSTEM` may read everything."""
        if reader == SYSTEM:
            self.chatroom(chatroom_id)
        else:
            self.membership(chatroom_id, reader)

    def store(self, conversation: Conversation, sender: Person, draft: Draft) -> Message:
        """Give a message its id and sequence and store it. `trim` must follow when it is indexed.

        Raises `gim.errors.Unavailable` if it cannot be recorded; new persons are taken back then.
        """
        message_id, at_ms = self.ids.next()
        sequence = 0
        if self._sequences:
            sequence = conversation.sequence = conversation.sequence + 1
        message = Message(
            message_id,
            conversation.session.id,
            sender.user,
            draft.category,
            draft.content,
            sequence,
            _NORMAL,
            at_ms,
        )
        if self._record is not None:
            try:
                self._record(message, draft.request_id)
            except Exception:
                conversation.sequence -= self._sequences
                self._people.take_back()
                raise
            if self._people.provisional:
                self._people.provisional.clear()
        if not conversation.count:
            self._conversations[conversation.session.id] = conversation
            self._emptied.pop(conversation.session.id, None)
        conversation.newest = self.messages.add(message, conversation.newest)
        conversation.count += 1
        conversation.last = message
        sender.stored += 1
        self.stored += 1
        return message

    def trim(self, conversation: Conversation) -> None:
        """Remove the messages beyond the limits, after one was stored."""
        if conversation.count > self._max_session_messages:
            self._dropped(self.messages.drop_first(conversation.session.id))
        if len(self.messages) > self._max_messages:
            self._drop_oldest(LAST)

    def holds(self, session_id: str, message_id: str) -> bool:
        """Say whether a session still holds a message, or its stub."""
        return self._find(session_id, message_id) is not None

    def _find(self, session_id: str, message_id: str) -> Message | None:
        conversation = self._conversations.get(session_id)
        has_ended = isinstance(conversation, Chatroom) and conversation.is_gone
        if has_ended or message_id < self.floor():
            return None
        return self.messages.get(session_id, message_id)

    def message(self, session: Session, message_id: str) -> Message:
        """Return a message, or raise `NotFound`."""
        message = self._find(session.id, message_id)
        if message is None:
            raise refusals.no_message()
        return message

    def recall(self, message: Message) -> None:
        """Replace a message by its stub. May be repeated."""
        if message.status == MessageStatus.RECALLED:
            return
        stub = replace(message, content="", status=MessageStatus.RECALLED)
        self.messages.replace(stub)
        conversation = self._conversations[message.session_id]
        if conversation.last is not None and conversation.last.id == stub.id:
            conversation.last = stub
        if conversation.recalled is None:
            conversation.recalled = []
        insort(conversation.recalled, stub.id)

    def end(self, chatroom: Chatroom) -> None:
        """End a chatroom: it is gone for all. `forget` must follow when it has no members any more."""
        chatroom.is_gone, chatroom.is_kept = True, False
        self.chatroom_ids.remove(chatroom.session.parts[0])

    def forget(self, chatroom: Chatroom) -> Iterator[None]:
        """Remove the messages of a chatroom that has ended, in steps of some 0.5 ms, and the chatroom."""
        chatroom.recalled = None
        if not chatroom.count:
            self.let_go(chatroom)
        while chatroom.count:  # the chatroom goes with its last message
            for message in self.messages.drop_page(chatroom.session.id):
                self._dropped(message)
            yield

    def expire(self, limit: int) -> bool:
        """Remove up to *limit* expired messages; say whether more may wait."""
        floor = self.floor()
        return all(self._drop_oldest(floor) for _ in range(limit))

    def let_go(self, conversation: Conversation) -> None:
        """Drop the conversation if nothing refers to it."""
        if conversation.is_needed():
            return
        del self._conversations[conversation.session.id]
        if isinstance(conversation, Chatroom):
            self.watched -= bool(conversation.subscribers)
        elif conversation.sequence:
            self.note_emptied(conversation.session.id, conversation.sequence)

    def note_emptied(self, session_id: str, sequence: int) -> None:
        """Keep the sequence of a private session without messages."""
        self._emptied[session_id] = sequence
        if len(self._emptied) > MAX_EMPTIED:
            self._emptied.popitem(last=False)

    def emptied(self) -> list[tuple[str, int]]:
        """Return the sequences of private sessions without messages, the longest empty first."""
        return list(self._emptied.items())

    def put_back(self, conversation: Conversation) -> None:
        """Take a conversation that was restored; its messages go to ``messages``."""
        self._conversations[conversation.session.id] = conversation
        if isinstance(conversation, Chatroom):
            self.chatroom_ids.add(conversation.session.parts[0])

    def trim_total(self, limit: int) -> bool:
        """Remove up to *limit* messages beyond the limit of all; say whether more may wait."""
        beyond = len(self.messages) - self._max_messages
        for _ in range(min(limit, beyond)):
            self._drop_oldest(LAST)
        return beyond > limit

    def _drop_oldest(self, before: str) -> bool:
        message = self.messages.drop_oldest(before)
        if message is not None:
            self.newest_trimmed = message.id
            self._dropped(message)
        return message is not None

    def _dropped(self, message: Message) -> None:
        """Note that a message is gone; forget its users and conversation if nothing refers to them."""
        if self._record_dropped is not None:
            self._record_dropped(message)
        conversation = self._conversations[message.session_id]
        conversation.count -= 1
        if conversation.recalled is not None:
            _forget_recalled(conversation, message.id)
        if conversation.session.type == PRIVATE:
            for user_id in conversation.session.parts:
                person = self._people[user_id]
                if message.id > person.newest_dropped:
                    person.newest_dropped = message.id
                if not conversation.count:
                    del person.private[message.session_id]
                self._release(person)
        else:
            self._release(self._people[message.sender.id])
        if not conversation.count:
            conversation.last = conversation.newest = None
            self.let_go(conversation)

    def _release(self, person: Person) -> None:
        person.stored -= 1
        if not person.stored:
            self._people.messages_gone(person)


def _forget_recalled(conversation: Conversation, message_id: str) -> None:
    """Forget that the oldest message of a conversation was recalled: it is gone."""
    recalled = conversation.recalled
    if recalled and recalled[0] == message_id:
        del recalled[0]
        if not recalled:
            conversation.recalled = None
