"""Users and presence in memory."""

from __future__ import annotations

from gim.model import User, UserState
from gim.storage.memory.bans import Bans
from gim.storage.memory.people import People


class MemoryUsers:
    """Implements `gim.storage.interface.Users`."""

    def __init__(self, people: People, bans: Bans) -> None:
        self._people = people
        self._bans = bans

    async def put(self, user_id: str, name: str | None) -> User:
        self._bans.check(user_id)
        person = self._people.log_in(user_id, name)
        self._people.let_go(person)  # for good unless a connection or an act of theirs follows
        return person.user

    async def get(self, user_id: str) -> UserState:
        return self._people.state(user_id)

    async def subscribe(self, user_id: str) -> None:
        self._bans.check(user_id)
        self._people.connect(user_id)

    def unsubscribe(self, user_id: str) -> None:
        person = self._people.get(user_id)
        if person is not None:
            person.is_subscribed = False
            self._people.let_go(person)
