"""Chatrooms in memory: members, and who owns a chatroom."""

from __future__ import annotations

from itertools import islice, takewhile
from typing import TypeAlias

from sortedcontainers import SortedDict

from gim.ids import chatroom_session
from gim.model import ChatroomState, Event, EventType, Member, Role, User
from gim.storage import refusals
from gim.storage.announcements import MemberJoined, MemberLeft, SessionEvent
from gim.storage.interface import MembershipObserver
from gim.storage.memory.archive import Archive
from gim.storage.memory.listing import page_of
from gim.storage.memory.people import People
from gim.storage.memory.records import Chatroom, Membership
from gim.storage.memory.subscribers import Subscriber, Subscribers, announce
from gim.storage.message_ids import FIRST
from gim.storage.storage_limits import MembershipLimits

Memberships: TypeAlias = SortedDict[tuple[str, str], Membership]  # by chatroom and user


class MemoryChatrooms:
    """Implements `gim.storage.interface.Chatrooms` for one subscriber, and tells moderation who is a
    member."""

    def __init__(
        self,
        archive: Archive,
        people: People,
        memberships: Memberships,
        subscribers: Subscribers,
        limits: MembershipLimits,
        own: Subscriber,
    ) -> None:
        self._archive = archive
        self._people = people
        self._memberships = memberships
        self._subscribers = subscribers
        self._limits = limits
        self._own = own

    async def create(self, chatroom_id: str, name: str, owner: User | None) -> None:
        if self._archive.get(chatroom_session(chatroom_id).id) is not None:
            raise refusals.chatroom_exists(chatroom_id)
        if owner is not None:
            self._check_limits(chatroom_id, owner.id)
        chatroom = self._archive.make_chatroom(chatroom_id, name)
        chatroom.is_kept = True
        if owner is not None:
            chatroom.owner = owner.id
            self._join(chatroom, owner)

    async def join(self, chatroom_id: str, user: User, name: str, create_missing: bool = True) -> int:
        if not create_missing:
            self._archive.chatroom(chatroom_id)  # a chatroom that is missing is refused before the limits
        self._check_limits(chatroom_id, user.id)
        chatroom = (
            self._archive.make_chatroom(chatroom_id, name)
            if create_missing
            else self._archive.chatroom(chatroom_id)
        )
        self._join(chatroom, user)
        return chatroom.members

    def _check_limits(self, chatroom_id: str, user_id: str) -> None:
        person, chatroom = self._people.get(user_id), self._archive.get(chatroom_session(chatroom_id).id)
        rooms = person.rooms if person is not None else {}
        if chatroom_id not in rooms:
            members = chatroom.members if isinstance(chatroom, Chatroom) else 0
            self._limits.check(chatroom_id, members, len(rooms))

    def _join(self, chatroom: Chatroom, user: User) -> None:
        person, chatroom_id = self._people.known(user), chatroom.session.parts[0]
        if chatroom_id in person.rooms:
            return
        read = chatroom.last.id if chatroom.last is not None else FIRST
        membership = Membership(chatroom, self._archive.time_id(), read)
        person.rooms[chatroom_id] = self._memberships[chatroom_id, user.id] = membership
        if not chatroom.members and not chatroom.is_kept:
            chatroom.owner = user.id
        chatroom.members += 1
        for subscriber in person.subscribers:
            self._archive.watch(chatroom, subscriber)
        self._subscribers.membership_changed(person, MemberJoined(user.id, chatroom_id))

    async def leave(self, chatroom_id: str, user_id: str) -> None:
        chatroom = self._archive.chatroom(chatroom_id)
        if self.end_membership(chatroom, MemberLeft(user_id, chatroom_id)):
            self.pass_on(chatroom, user_id)

    def end_membership(self, chatroom: Chatroom, left: MemberLeft) -> bool:
        """End a membership; say whether there was one."""
        if self._memberships.pop((left.chatroom_id, left.user_id), None) is None:
            return False
        chatroom.members -= 1
        person = self._people[left.user_id]
        del person.rooms[left.chatroom_id]
        self._subscribers.membership_changed(person, left)
        self._people.let_go(person)
        return True

    def pass_on(self, chatroom: Chatroom, user_id: str) -> None:
        """End the role of a former member; give the chatroom a new owner if they owned it.

        With its last member a chatroom is forgotten, history and all, unless it is to be kept.
        """
        if not chatroom.is_needed():
            self._archive.clear(chatroom)
            return
        if chatroom.admins:
            chatroom.admins.pop(user_id, None)
        if user_id == chatroom.owner:
            heir = next(iter(chatroom.admins or self.member_ids(chatroom.session.parts[0], "", 1)), "")
            chatroom.owner = heir
            if chatroom.admins:
                del chatroom.admins[heir]
            if heir:
                session_id = chatroom.session.id
                event = Event(EventType.APPOINTED, user_id, session_id, heir, role=Role.OWNER)
                self.announce(chatroom, event, gone=user_id)

    def announce(self, chatroom: Chatroom, event: Event, gone: str = "") -> None:
        """Announce an event in a chatroom if it is subscribed to, to all but a former member."""
        if chatroom.subscribers:
            announce(chatroom, SessionEvent(chatroom.session, event, "", gone))

    def member_ids(self, chatroom_id: str, after: str = "", count: int | None = None) -> list[str]:
        """Return the ids of members above an id, in order."""
        keys = self._memberships.irange((chatroom_id, after), inclusive=(False, True))
        return [
            user_id for _, user_id in islice(takewhile(lambda key: key[0] == chatroom_id, keys), count)
        ]

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
        ids = self.member_ids(chatroom_id, after, count + 1)
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
        return list(person.rooms) if person is not None else []

    async def subscribe(self, chatroom_id: str) -> None:
        self._archive.watch(self._archive.chatroom(chatroom_id), self._own)

    def unsubscribe(self, chatroom_id: str) -> None:
        chatroom = self._archive.get(chatroom_session(chatroom_id).id)
        if isinstance(chatroom, Chatroom):
            self._archive.unwatch(chatroom, self._own)

    def observe(self, observer: MembershipObserver) -> None:
        self._subscribers.observer = observer
