"""Moderation: what roles in a chatroom allow, and recalls.

Only the ids are checked here. The storage checks the roles, in the same atomic step as the change:
between a check here and the change another node could remove the member or replace the owner.
"""

from __future__ import annotations

from gim import ids
from gim.errors import Forbidden
from gim.ids import PRIVATE, SYSTEM
from gim.model import Until
from gim.names import check_name
from gim.storage.interface import Storage


class Moderation:
    """Operations that change a chatroom or a message of another user; docs/protocol.md, section 5.

    *by* is the user who asks, or `gim.ids.SYSTEM` for the administrator of the server, who may do
    everything. Every method may raise a `GimError`: see `gim.storage.interface.Moderation`.
    """

    def __init__(self, storage: Storage) -> None:
        self._moderation = storage.moderation

    async def rename(self, by: str, chatroom_id: str, name: str) -> None:
        """Rename a chatroom."""
        await self._moderation.rename(ids.check_id(chatroom_id, "id"), by, check_name(name, "name"))

    async def dismiss(self, by: str, chatroom_id: str) -> None:
        """End a chatroom, with its memberships and messages."""
        await self._moderation.dismiss(ids.check_id(chatroom_id, "id"), by)

    async def remove(self, by: str, chatroom_id: str, user_id: str) -> None:
        """End a membership."""
        _check_ids(chatroom_id, user_id)
        await self._moderation.remove(chatroom_id, by, user_id)

    async def mute(self, by: str, chatroom_id: str, user_id: str, seconds: int) -> Until:
        """Refuse messages of a member for *seconds*, 0 to end a mute."""
        _check_ids(chatroom_id, user_id)
        return Until(await self._moderation.mute(chatroom_id, by, user_id, 1000 * seconds))

    async def appoint(self, by: str, chatroom_id: str, user_id: str, role: str) -> None:
        """Give a member a role."""
        _check_ids(chatroom_id, user_id)
        await self._moderation.appoint(chatroom_id, by, user_id, role)

    async def recall(self, by: str, session_id: str, message_id: str) -> None:
        """Empty a message."""
        session = ids.session(session_id)
        if session.type == PRIVATE and by != SYSTEM and by not in session.parts:
            raise Forbidden("this private session is between two other users")
        ids.check_message_id(message_id, "message_id")
        await self._moderation.recall(session, by, message_id)


def _check_ids(chatroom_id: str, user_id: str) -> None:
    ids.check_id(chatroom_id, "id")
    ids.check_id(user_id, "user_id")
