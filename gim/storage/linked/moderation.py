"""Moderation in the parent's store."""

from __future__ import annotations

from gim.ids import Session
from gim.link.channel import Channel
from gim.model import Ban
from gim.storage.linked import calls


class LinkedModeration:
    """Implements `gim.storage.interface.Moderation`."""

    def __init__(self, channel: Channel) -> None:
        self._ask = channel.ask

    async def rename(self, chatroom_id: str, by: str, name: str) -> None:
        await self._ask(calls.Rename(chatroom_id=chatroom_id, by=by, name=name), type(None))

    async def dismiss(self, chatroom_id: str, by: str) -> None:
        await self._ask(calls.Dismiss(chatroom_id=chatroom_id, by=by), type(None))

    async def remove(self, chatroom_id: str, by: str, user_id: str) -> None:
        await self._ask(calls.Remove(chatroom_id=chatroom_id, by=by, user_id=user_id), type(None))

    async def mute(self, chatroom_id: str, by: str, user_id: str, duration_ms: int) -> int:
        question = calls.Mute(chatroom_id=chatroom_id, by=by, user_id=user_id, duration_ms=duration_ms)
        return await self._ask(question, int)

    async def appoint(self, chatroom_id: str, by: str, user_id: str, role: str) -> None:
        question = calls.Appoint(chatroom_id=chatroom_id, by=by, user_id=user_id, role=role)
        await self._ask(question, type(None))

    async def recall(self, session: Session, by: str, message_id: str) -> None:
        question = calls.Recall(session_id=session.id, by=by, message_id=message_id)
        await self._ask(question, type(None))

    async def ban(self, user_id: str, duration_ms: int, remember_ms: int) -> int:
        question = calls.BanUser(user_id=user_id, duration_ms=duration_ms, remember_ms=remember_ms)
        return await self._ask(question, int)

    async def unban(self, user_id: str) -> None:
        await self._ask(calls.Unban(user_id=user_id), type(None))

    async def ban_of(self, user_id: str) -> Ban:
        return await self._ask(calls.BanOf(user_id=user_id), Ban)
