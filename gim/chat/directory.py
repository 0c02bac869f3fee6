"""What the administrator can look up."""

from __future__ import annotations

from gim import ids
from gim.chat.administration import Administration
from gim.chat.cursors import read_cursor, write_cursor
from gim.chat.session_walk import read_page, read_walk, write_walk
from gim.ids import SYSTEM
from gim.model import History, SessionPage, UserDetails, UserPage
from gim.storage.interface import Storage

_USERS = "u"  # the kind of cursors


class Directory:
    """Users, their sessions and messages. Every method may raise a `GimError`."""

    def __init__(self, administration: Administration, storage: Storage) -> None:
        self._administration = administration
        self._users = storage.users
        self._messages = storage.messages
        self._chatrooms = storage.chatrooms

    async def find_users(self, prefix: str, count: int, cursor: str, online_only: bool) -> UserPage:
        """Return a page of the users whose ids begin with *prefix*: see `Users.find`."""
        place = read_cursor(_USERS, cursor, 1)
        users, following = await self._users.find(prefix, place[0] if place else "", count, online_only)
        return UserPage(users, write_cursor(_USERS, (following,) if following else None))

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

    async def history(self, session_id: str, count: int, before: str | None) -> History:
        """Return the newest *count* messages of any session, or those just before a message."""
        session = ids.session(session_id)
        if before is not None:
            ids.check_message_id(before, "before")
        return History(*await self._messages.history(session, SYSTEM, before, count))
