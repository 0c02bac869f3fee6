"""What the administrator can look up."""

from __future__ import annotations

from gim import ids
from gim.chat.administration import Administration
from gim.chat.session_walk import read_page, read_walk, write_walk
from gim.model import SessionPage, UserDetails
from gim.storage.interface import Storage


class Directory:
    """Users and their sessions. Every method may raise a `GimError`."""

    def __init__(self, administration: Administration, storage: Storage) -> None:
        self._administration = administration
        self._users = storage.users
        self._messages = storage.messages
        self._chatrooms = storage.chatrooms

    # users

    async def user(self, user_id: str) -> UserDetails:
        """Return a user, or raise `NotFound`."""
        user = await self._users.get(ids.check_id(user_id, "id"))
        chatrooms = sorted(await self._chatrooms.of_user(user_id))
        ban = await self._administration.ban_of(user_id)
        connections = await self._administration.connections(user_id)
        return UserDetails(user.id, user.name, user.online, chatrooms, ban, connections.items)

    async def sessions(self, user_id: str, count: int, cursor: str, kind: int | None) -> SessionPage:
        """Return a page of a user's sessions, as the user sees it. Raises `NotFound` for no user."""
        ids.check_id(user_id, "id")
        walk = read_walk(cursor)
        await self._users.get(user_id)
        items, following = await read_page(self._messages, user_id, kind, count, walk)
        return SessionPage(items, write_walk(following))
