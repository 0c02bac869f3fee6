"""Chatrooms of the memory store: members, roles, and what these allow."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice, takewhile

from sortedcontainers import SortedDict
from twisted.internet.interfaces import IReactorTime

from gim.concurrency.clocks import now_ms
from gim.ids import CHATROOM, SYSTEM, Session, chatroom_session
from gim.model import (
    ADMIN,
    APPOINTED,
    DISMISSED,
    MEMBER,
    MUTED,
    OWNER,
    RECALL,
    REMOVED,
    RENAMED,
    Event,
    Member,
    User,
)
from gim.storage import refusals
from gim.storage.interface import RECALL_WITHIN, Announcement, MemberJoined, MemberLeft, SessionEvent
from gim.storage.memory.archive import Archive
from gim.storage.memory.people import People
from gim.storage.memory.records import Chatroom, Membership, Person
from gim.storage.message_ids import FIRST

_RANKS = {MEMBER: 1, ADMIN: 2, OWNER: 3}
_ABOVE_ALL = 4  # the rank of the server's administrator


class Chatrooms:
    """Memberships and roles; `gim.storage.interface.Storage` says what each method does."""

    def __init__(
        self,
        archive: Archive,
        people: People,
        announce: Callable[[Announcement], None],
        changed: Callable[[Person, MemberJoined | MemberLeft], None],
        clock: IReactorTime,
    ) -> None:
        """*changed* is called with every membership that begins or ends."""
        self._archive = archive
        self._people = people
        self._announce = announce
        self._changed = changed
        self._clock = clock
        self._memberships: SortedDict[tuple[str, str], Membership] = SortedDict()

    def __len__(self) -> int:
        return len(self._memberships)

    def _now(self) -> int:
        return now_ms(self._clock)

    def check_mute(self, chatroom: Chatroom, user_id: str) -> None:
        """Raise `Forbidden` for a user who is muted in a chatroom that has mutes."""
        left = (chatroom.mutes or {}).get(user_id, 0) - self._now()
        if left > 0:
            raise refusals.muted(chatroom.session.parts[0], left)

    # coming and going

    def join(self, chatroom_id: str, user: User, name: str, create_missing: bool) -> int:
        chatroom = (
            self._archive.make_chatroom(chatroom_id, name)
            if create_missing
            else self._archive.chatroom(chatroom_id)
        )
        person = self._people.known(user)
        if chatroom_id not in person.rooms:
            read = chatroom.last.id if chatroom.last is not None else FIRST
            membership = Membership(self._archive.time_id(), read)
            person.rooms[chatroom_id] = self._memberships[chatroom_id, user.id] = membership
            if not chatroom.members and not chatroom.is_kept:
                chatroom.owner = user.id
            chatroom.members += 1
            self._changed(person, MemberJoined(user.id, chatroom_id))
        return chatroom.members

    def leave(self, chatroom_id: str, user_id: str) -> None:
        chatroom = self._archive.chatroom(chatroom_id)
        if self._end(chatroom, MemberLeft(user_id, chatroom_id)):
            self._pass_on(chatroom, user_id)
            self._archive.let_go(chatroom)

    def _end(self, chatroom: Chatroom, left: MemberLeft) -> bool:
        """End a membership; say if there was one."""
        if self._memberships.pop((left.chatroom_id, left.user_id), None) is None:
            return False
        chatroom.members -= 1
        person = self._people[left.user_id]
        del person.rooms[left.chatroom_id]
        self._changed(person, left)
        self._people.let_go(person)
        return True

    def _pass_on(self, chatroom: Chatroom, user_id: str) -> None:
        """Let a role of somebody who left go, and find an heir for an owner."""
        if chatroom.admins:
            chatroom.admins.pop(user_id, None)
        if user_id == chatroom.owner:
            heir = next(iter(chatroom.admins or self._ids(chatroom.session.parts[0], "", 1)), "")
            chatroom.owner = heir
            if chatroom.admins:
                del chatroom.admins[heir]
            if heir:
                self._tell(chatroom, Event(APPOINTED, user_id, chatroom.session.id, heir, role=OWNER))

    def _ids(self, chatroom_id: str, after: str, count: int | None = None) -> list[str]:
        """Return the ids of members above an id, in order."""
        keys = self._memberships.irange((chatroom_id, after), inclusive=(False, True))
        return [
            user_id for _, user_id in islice(takewhile(lambda key: key[0] == chatroom_id, keys), count)
        ]

    def members(
        self, chatroom_id: str, reader: str, after: str, count: int
    ) -> tuple[list[Member], int, bool]:
        self._archive.membership(chatroom_id, reader)
        chatroom = self._archive.chatroom(chatroom_id)
        ids = self._ids(chatroom_id, after, count + 1)
        people = [self._people[user_id] for user_id in ids[:count]]
        items = [
            Member(person.id, person.title, person.watched, chatroom.role_of(person.id))
            for person in people
        ]
        return items, chatroom.members, len(ids) > count

    # what roles allow

    def _allowed(self, chatroom_id: str, by: str, user_id: str = "") -> Chatroom:
        """Return a chatroom in which *by* may act, on the member *user_id* unless it is ""."""
        chatroom = self._archive.chatroom(chatroom_id)
        rank = _ABOVE_ALL if by == SYSTEM else self._rank_of(chatroom_id, by)
        if rank < _RANKS[ADMIN]:
            raise refusals.wrong_role(chatroom_id)
        if user_id:
            if (chatroom_id, user_id) not in self._memberships:
                raise refusals.stranger(chatroom_id)
            if rank <= _RANKS[chatroom.role_of(user_id)]:
                raise refusals.wrong_role(chatroom_id)
        return chatroom

    def _rank_of(self, chatroom_id: str, user_id: str) -> int:
        self._archive.membership(chatroom_id, user_id)
        return _RANKS[self._archive.chatroom(chatroom_id).role_of(user_id)]

    def _tell(self, chatroom: Chatroom, event: Event) -> None:
        if chatroom.watched:
            self._announce(SessionEvent(chatroom.session, event, ""))

    def create(self, chatroom_id: str, name: str, owner: User | None) -> None:
        if self._archive.get(chatroom_session(chatroom_id).id) is not None:
            raise refusals.chatroom_exists(chatroom_id)
        chatroom = self._archive.make_chatroom(chatroom_id, name)
        chatroom.is_kept = True
        if owner is not None:
            chatroom.owner = owner.id
            self.join(chatroom_id, owner, name, create_missing=False)

    def rename(self, chatroom_id: str, by: str, name: str) -> None:
        chatroom = self._allowed(chatroom_id, by)
        chatroom.name = name
        self._tell(chatroom, Event(RENAMED, by, chatroom.session.id, name=name))

    def dismiss(self, chatroom_id: str, by: str) -> None:
        chatroom = self._allowed(chatroom_id, by)
        for user_id in self._ids(chatroom_id, ""):
            self._end(chatroom, MemberLeft(user_id, chatroom_id, DISMISSED, by))
        chatroom.is_kept = False
        self._archive.clear(chatroom)

    def remove(self, chatroom_id: str, by: str, user_id: str) -> None:
        chatroom = self._allowed(chatroom_id, by, user_id)
        self._end(chatroom, MemberLeft(user_id, chatroom_id, REMOVED, by))
        self._tell(chatroom, Event(REMOVED, by, chatroom.session.id, user_id))
        self._pass_on(chatroom, user_id)
        self._archive.let_go(chatroom)

    def mute(self, chatroom_id: str, by: str, user_id: str, duration: int) -> int:
        chatroom = self._allowed(chatroom_id, by, user_id)
        now = self._now()
        until = now + duration if duration else 0
        mutes = {one: end for one, end in (chatroom.mutes or {}).items() if end > now and one != user_id}
        if until:
            mutes[user_id] = until
        chatroom.mutes = mutes or None
        self._tell(chatroom, Event(MUTED, by, chatroom.session.id, user_id, until=until))
        return until

    def appoint(self, chatroom_id: str, by: str, user_id: str, role: str) -> None:
        chatroom = self._allowed(chatroom_id, by, user_id)
        if by not in (SYSTEM, chatroom.owner):
            raise refusals.wrong_role(chatroom_id)
        admins = chatroom.admins if chatroom.admins is not None else {}
        if role == OWNER:
            if chatroom.owner:
                admins[chatroom.owner] = None
            chatroom.owner = user_id
        elif user_id == chatroom.owner:
            chatroom.owner = ""
        if role == ADMIN:
            admins[user_id] = None
        else:
            admins.pop(user_id, None)
        chatroom.admins = admins or None
        self._tell(chatroom, Event(APPOINTED, by, chatroom.session.id, user_id, role=role))

    # recalling

    def recall(self, session: Session, by: str, message_id: str) -> None:
        if session.type == CHATROOM and by != SYSTEM:
            self._archive.membership(session.parts[0], by)
        message = self._archive.message(session, message_id)
        if not self._may_recall(session, by, message.sender.id, message.created_at):
            raise refusals.too_late_to_recall()
        self._archive.recall(message)
        event = Event(RECALL, by, session.id, message_id=message_id)
        if session.type == CHATROOM:
            self._tell(self._archive.chatroom(session.parts[0]), event)
            return
        for user_id in session.parts:
            if self._people[user_id].watched:
                self._announce(SessionEvent(session, event, user_id))

    def _may_recall(self, session: Session, by: str, sender: str, sent_at: int) -> bool:
        if by == SYSTEM or (by == sender and self._now() - sent_at <= RECALL_WITHIN):
            return True
        if session.type != CHATROOM:
            return False
        rank = self._rank_of(session.parts[0], by)
        if rank < _RANKS[ADMIN]:
            return False
        if by == sender:
            return True
        is_member = (session.parts[0], sender) in self._memberships
        chatroom = self._archive.chatroom(session.parts[0])
        return not is_member or rank > _RANKS[chatroom.role_of(sender)]
