"""Chatrooms as the administrator sees them: what is stored of each, and how much happens there."""

from __future__ import annotations

from gim import ids
from gim.chat.cursors import read_cursor, write_cursor
from gim.errors import NotFound
from gim.ids import SYSTEM
from gim.inspection.chatroom_activity import Activity, ChatroomActivity, Measure
from gim.model import ChatroomInfo, ChatroomPage, ChatroomState, MemberPage
from gim.storage.interface import Chatrooms

_CHATROOMS, _MEMBERS = "r", "m"  # kinds of cursors


class ChatroomDirectory:
    """Looks chatrooms up. Every method may raise a `GimError`."""

    def __init__(self, chatrooms: Chatrooms, activity: ChatroomActivity) -> None:
        self._chatrooms = chatrooms
        self._activity = activity

    async def find(self, prefix: str, count: int, cursor: str) -> ChatroomPage:
        """Return a page of the chatrooms whose ids begin with *prefix*: see `Chatrooms.find`."""
        place = read_cursor(_CHATROOMS, cursor, 1)
        states, following = await self._chatrooms.find(prefix, place[0] if place else "", count)
        activity = await self._activity.of([state.id for state in states])
        items = [_info(state, activity[state.id]) for state in states]
        return ChatroomPage(items, write_cursor(_CHATROOMS, (following,) if following else None))

    async def busiest(self, prefix: str, count: int, by: Measure) -> ChatroomPage:
        """Return the chatrooms that have most of something now, most first, in one page."""
        items = []
        for activity in await self._activity.busiest(by, count, prefix):
            try:
                items.append(_info(await self._chatrooms.get(activity.id), activity))
            except NotFound:  # it has just been dismissed
                continue
        return ChatroomPage(items, "")

    async def get(self, chatroom_id: str) -> ChatroomInfo:
        """Return a chatroom, or raise `NotFound`."""
        state = await self._chatrooms.get(ids.check_id(chatroom_id, "id"))
        return _info(state, (await self._activity.of([chatroom_id]))[chatroom_id])

    async def members(self, chatroom_id: str, count: int, cursor: str) -> MemberPage:
        """Return a page of a chatroom's members, in order of id."""
        ids.check_id(chatroom_id, "id")
        place = read_cursor(_MEMBERS, cursor, 1)
        after = place[0] if place is not None else ""
        items, total, more = await self._chatrooms.members(chatroom_id, SYSTEM, after, count)
        return MemberPage(items, total, write_cursor(_MEMBERS, (items[-1].id,) if more else None))


def _info(state: ChatroomState, activity: Activity) -> ChatroomInfo:
    return ChatroomInfo(
        **{name: getattr(state, name) for name in ChatroomState.__struct_fields__},
        connections=activity.connections,
        messages=activity.messages,
    )
