"""Users and presence in memory."""

from __future__ import annotations

from collections.abc import Callable

from gim.model import User, UserState
from gim.storage.interface import Entrance, Entry
from gim.storage.memory.archive import Archive
from gim.storage.memory.bans import Bans
from gim.storage.memory.inbox import Inbox
from gim.storage.memory.people import People
from gim.storage.memory.records import Person
from gim.storage.memory.subscribers import Subscriber
from gim.storage.storage_limits import ConnectionLimit


class MemoryUsers:
    """Implements `gim.storage.interface.Users` for one subscriber."""

    def __init__(
        self,
        archive: Archive,
        people: People,
        bans: Bans,
        inbox: Inbox,
        limit: ConnectionLimit,
        own: Subscriber,
    ) -> None:
        self._archive = archive
        self._people = people
        self._bans = bans
        self._inbox = inbox
        self._limit = limit
        self._own = own

    async def put(self, user_id: str, name: str | None) -> User:
        self._bans.check(user_id)
        person = self._people.log_in(user_id, name)
        self._people.let_go(person)  # for good unless a connection or an act of theirs follows
        return person.user

    async def get(self, user_id: str) -> UserState:
        return self._people.state(user_id)

    async def find(
        self, prefix: str, cursor: str, count: int, online_only: bool
    ) -> tuple[list[UserState], str]:
        return self._people.find(prefix, cursor, count, online_only)

    async def enter(self, entry: Entry, admit: Callable[[list[str]], None]) -> Entrance:
        self._bans.check(entry.user_id)
        person = self._people.get(entry.user_id)
        self._limit.check(_connections_of(person) if person is not None else 0)
        chatroom_ids = person.chatroom_ids() if person is not None else []
        admit(chatroom_ids)
        person = self._people.log_in(entry.user_id, entry.name)
        self._people.connect(person, self._own)
        for membership in person.rooms.values():
            self._archive.watch(membership.chatroom, self._own)
        missed = self._inbox.missed(person, entry.since, entry.limit)
        return Entrance(person.user, chatroom_ids, missed)

    def exit(self, user_id: str) -> bool:
        person = self._people.get(user_id)
        if person is None:
            return True
        self._people.disconnect(person, self._own)
        return not person.subscribers


def _connections_of(person: Person) -> int:
    return sum(subscriber.connections_of(person) for subscriber in person.subscribers)
