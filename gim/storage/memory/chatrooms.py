"""Chatrooms in memory: members, and who owns a chatroom."""

from __future__ import annotations

from collections.abc import Iterator

from gim.model import ChatroomState, Event, EventType, Member, Role, User
from gim.storage import refusals
from gim.storage.announcements import MemberJoined, MemberLeft, SessionEvent
from gim.storage.interface import MembershipObserver
from gim.storage.memory.archive import Archive
from gim.storage.memory.endings import Endings
from gim.storage.memory.listing import page_of
from gim.storage.memory.memberships import Memberships
from gim.storage.memory.people import People
from gim.storage.memory.recorder import JoinedFields, Recorder, RoomFields
from gim.storage.memory.records import Chatroom
from gim.storage.memory.subscribers import Subscriber, Subscribers, announce
from gim.storage.message_ids import FIRST
from gim.storage.storage_limits import MembershipLimits

MEMBERS_AT_A_TIME = 64  # of a chatroom that was dismissed


class MemoryChatrooms:
    """Implements `gim.storage.interface.Chatrooms` for one subscriber, and tells moderation who is a
    member."""

    def __init__(
        self,
        archive: Archive,
        people: People,
        memberships: Memberships,
        subscribers: Subscribers,
        recorder: Recorder,
        limits: MembershipLimits,
        endings: Endings,
        own: Subscriber,
    ) -> None:
        self._archive = archive
        self._people = people
        self._memberships = memberships
        self._subscribers = subscribers
        self._recorder = recorder
        self._limits = limits
        self._endings = endings
        self._own = own

    async def create(self, chatroom_id: str, name: str, owner: User | None) -> None:
        if self._archive.find_chatroom(chatroom_id) is not None:
            raise refusals.chatroom_exists(chatroom_id)
        self._archive.check_free(chatroom_id)
        if owner is not None:
            self._check_limits(chatroom_id, owner.id)
            self._found(self._new(chatroom_id, name, True, owner.id), owner)
        else:
            fields = self._new(chatroom_id, name, True, "")
            self._recorder.room(fields)
            self._archive.make_chatroom(fields)

    def _new(self, chatroom_id: str, name: str, is_kept: bool, owner: str) -> RoomFields:
        created = self._archive.time_id()
        return RoomFields(chatroom_id, created, name or f"chatroom:{chatroom_id}", is_kept, owner, ())

    def _found(self, fields: RoomFields, user: User) -> None:
        """Create a chatroom with its first member."""
        joined = JoinedFields(fields.id, user.id, self._archive.time_id(), FIRST)
        self._people.record(user)
        self._recorder.created(fields, joined)
        self._begin_membership(self._archive.make_chatroom(fields), user, joined)

    async def join(self, chatroom_id: str, user: User, name: str, create_missing: bool = True) -> int:
        if not create_missing:
            self._archive.chatroom(chatroom_id)  # a chatroom that is missing is refused before the limits
        self._check_limits(chatroom_id, user.id)
        chatroom = self._archive.find_chatroom(chatroom_id)
        if chatroom is None:
            self._archive.check_free(chatroom_id)
            self._found(self._new(chatroom_id, name, False, user.id), user)
            return 1
        if (chatroom_id, user.id) not in self._memberships:
            self._join(chatroom, user)
        return chatroom.members

    def _check_limits(self, chatroom_id: str, user_id: str) -> None:
        person, chatroom = self._people.get(user_id), self._archive.find_chatroom(chatroom_id)
        rooms = person.rooms if person is not None else {}
        if chatroom is None or chatroom_id not in rooms:
            members = chatroom.members if chatroom is not None else 0
            many = len(person.chatroom_ids()) if person is not None and self._endings else len(rooms)
            self._limits.check(chatroom_id, members, many)

    def _join(self, chatroom: Chatroom, user: User) -> None:
        read = chatroom.last.id if chatroom.last is not None else FIRST
        joined = JoinedFields(chatroom.session.parts[0], user.id, self._archive.time_id(), read)
        self._people.record(user)
        self._recorder.joined(joined)
        self._begin_membership(chatroom, user, joined)

    def _begin_membership(self, chatroom: Chatroom, user: User, fields: JoinedFields) -> None:
        person = self._people.known(user)
        self._memberships.begin(chatroom, person, fields.joined, fields.read)
        self._subscribers.membership_changed(person, MemberJoined(user.id, fields.room_id))

    async def leave(self, chatroom_id: str, user_id: str) -> None:
        chatroom = self._archive.chatroom(chatroom_id)
        if (chatroom_id, user_id) in self._memberships:
            self.remove(chatroom, MemberLeft(user_id, chatroom_id))

    def remove(self, chatroom: Chatroom, left: MemberLeft, event: Event | None = None) -> None:
        """End a membership, announce *event* in the chatroom, and give it a new owner if it needs one."""
        user_id = left.user_id
        former, owner = chatroom.owner, self._memberships.owner_without(chatroom, user_id)
        is_gone = chatroom.members == 1 and not chatroom.is_kept
        self._recorder.left(left.chatroom_id, user_id, owner, is_gone)
        self.end_membership(chatroom, left)
        if event is not None:
            self.announce(chatroom, event, gone=user_id)
        if is_gone:
            self._archive.end(chatroom)
            self._endings.begin(self._archive.forget(chatroom))
            return
        self._memberships.pass_on(chatroom, user_id, owner)
        if owner and owner != former:
            news = Event(EventType.APPOINTED, user_id, chatroom.session.id, owner, role=Role.OWNER)
            self.announce(chatroom, news, gone=user_id)

    def end_membership(self, chatroom: Chatroom, left: MemberLeft) -> None:
        """End a membership and announce that."""
        person = self._memberships.end(chatroom, left.user_id)
        self._subscribers.membership_changed(person, left)

    async def dismiss(self, chatroom: Chatroom, by: str) -> None:
        """End a chatroom, its memberships and messages.

        It is gone for all at once. Then its members leave it, some in each turn of the reactor.
        """
        self._recorder.dismissed(chatroom.session.parts[0])
        self._archive.end(chatroom)
        await self._endings.run(self._end_memberships(chatroom, by))

    def _end_memberships(self, chatroom: Chatroom, by: str) -> Iterator[None]:
        chatroom_id = chatroom.session.parts[0]
        while ids := self._memberships.ids(chatroom_id, count=MEMBERS_AT_A_TIME):
            for user_id in ids:
                self.end_membership(chatroom, MemberLeft(user_id, chatroom_id, EventType.DISMISSED, by))
                yield
        yield from self._archive.forget(chatroom)

    def announce(self, chatroom: Chatroom, event: Event, gone: str = "") -> None:
        """Announce an event in a chatroom if it is subscribed to, to all but a former member."""
        if chatroom.subscribers:
            announce(chatroom, SessionEvent(chatroom.session, event, "", gone))

    def role_of(self, chatroom: Chatroom, user_id: str) -> str | None:
        """Return the role of a user, None for a user who is not a member."""
        if (chatroom.session.parts[0], user_id) not in self._memberships:
            return None
        return chatroom.role_of(user_id)

    async def members(
        self, chatroom_id: str, reader: str, after: str, count: int
    ) -> tuple[list[Member], int, bool]:
        self._archive.check_reader(chatroom_id, reader)
        chatroom = self._archive.chatroom(chatroom_id)
        ids = self._memberships.ids(chatroom_id, after, count + 1)
        people = [self._people[user_id] for user_id in ids[:count]]
        items = [
            Member(person.id, person.title, bool(person.subscribers), chatroom.role_of(person.id))
            for person in people
        ]
        return items, chatroom.members, len(ids) > count

    async def get(self, chatroom_id: str) -> ChatroomState:
        return self._state_of(chatroom_id)

    def _state_of(self, chatroom_id: str) -> ChatroomState:
        room = self._archive.chatroom(chatroom_id)
        return ChatroomState(chatroom_id, room.name, room.owner, room.members, room.is_kept)

    async def find(self, prefix: str, cursor: str, count: int) -> tuple[list[ChatroomState], str]:
        return page_of(self._archive.chatroom_ids, prefix, cursor, count, self._state_of)

    async def of_user(self, user_id: str) -> list[str]:
        person = self._people.get(user_id)
        return person.chatroom_ids() if person is not None else []

    async def subscribe(self, chatroom_id: str) -> None:
        self._archive.watch(self._archive.chatroom(chatroom_id), self._own)

    def unsubscribe(self, chatroom_id: str) -> None:
        chatroom = self._archive.find_chatroom(chatroom_id)
        if chatroom is not None:
            self._archive.unwatch(chatroom, self._own)

    def observe(self, observer: MembershipObserver) -> None:
        self._subscribers.observer = observer
