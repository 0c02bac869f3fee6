"""Who is in which chatroom."""

from __future__ import annotations

from itertools import islice, takewhile

from sortedcontainers import SortedDict

from gim.storage.memory.archive import Archive
from gim.storage.memory.people import People
from gim.storage.memory.records import Chatroom, Membership, Person


class Memberships:
    """The memberships by chatroom and user. It neither records nor announces what it changes."""

    def __init__(self, archive: Archive, people: People) -> None:
        self._archive = archive
        self._people = people
        self._by_key: SortedDict[tuple[str, str], Membership] = SortedDict()

    def __len__(self) -> int:
        return len(self._by_key)

    def __contains__(self, key: tuple[str, str]) -> bool:
        """Say whether a chatroom has a user as a member."""
        return key in self._by_key

    def ids(self, chatroom_id: str, after: str = "", count: int | None = None) -> list[str]:
        """Return the ids of members above an id, in order."""
        keys = self._by_key.irange((chatroom_id, after), inclusive=(False, True))
        return [
            user_id for _, user_id in islice(takewhile(lambda key: key[0] == chatroom_id, keys), count)
        ]

    def above(self, key: tuple[str, str], count: int) -> list[tuple[str, str, Membership]]:
        """Return the next *count* memberships above a chatroom and user, with these two, in order."""
        keys = self._by_key.irange(key, inclusive=(False, True))
        return [(*one, self._by_key[one]) for one in islice(keys, count)]

    def put_back(self, by_key: dict[tuple[str, str], Membership]) -> None:
        """Take the memberships of persons and chatrooms that were restored, while there are none."""
        self._by_key.update(by_key)

    def begin(self, chatroom: Chatroom, person: Person, joined: str, read: str) -> None:
        """Make a person a member who is not one, with a read position."""
        chatroom_id = chatroom.session.parts[0]
        membership = Membership(chatroom, joined, read)
        person.rooms[chatroom_id] = self._by_key[chatroom_id, person.id] = membership
        chatroom.members += 1
        for subscriber in person.subscribers:
            self._archive.watch(chatroom, subscriber)

    def end(self, chatroom: Chatroom, user_id: str) -> Person:
        """End a membership; return the person, who may be forgotten by then. `pass_on` must follow."""
        chatroom_id = chatroom.session.parts[0]
        del self._by_key[chatroom_id, user_id]
        chatroom.members -= 1
        person = self._people[user_id]
        del person.rooms[chatroom_id]
        self._people.let_go(person)
        return person

    def pass_on(self, chatroom: Chatroom, user_id: str, owner: str) -> None:
        """End the role of a former member, and give the chatroom its owner."""
        chatroom.owner = owner
        if chatroom.admins:
            chatroom.admins.pop(user_id, None)
            chatroom.admins.pop(owner, None)

    def owner_without(self, chatroom: Chatroom, user_id: str) -> str:
        """Return who owns a chatroom once a member has left, "" for none."""
        if user_id != chatroom.owner:
            return chatroom.owner
        members = self.ids(chatroom.session.parts[0], "", 2)
        heirs = (heir for heir in (*(chatroom.admins or ()), *members) if heir != user_id)
        return next(heirs, "")
