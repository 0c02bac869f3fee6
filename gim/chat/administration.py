"""Administration: the operations of the server's operator, over HTTP with a key."""

from __future__ import annotations

from collections.abc import Awaitable

from gim import ids
from gim.auth.api_tokens import LIFETIME
from gim.chat.chat import Chat
from gim.concurrency.clocks import WallClock
from gim.ids import SYSTEM, chatroom_session
from gim.model import (
    Ban,
    ConnectionList,
    ConnectionState,
    Counts,
    Event,
    EventType,
    Joined,
    Sent,
    Statistics,
    Until,
    User,
)
from gim.names import SYSTEM_NAME, check_name
from gim.storage.announcements import ConnectionAction, ConnectionCommand
from gim.storage.interface import Storage

SYSTEM_USER = User(SYSTEM, SYSTEM_NAME)


class Administration:
    """Every method may raise a `GimError`. `gim.chat.moderation.Moderation` has what roles allow."""

    def __init__(self, chat: Chat, storage: Storage, wall: WallClock) -> None:
        self._chat = chat
        self._chatrooms = storage.chatrooms
        self._moderation = storage.moderation
        self._nodes = storage.nodes
        self._wall = wall

    # messages

    @property
    def keeps_order(self) -> bool:
        """Say whether sends are stored in the order in which they were begun."""
        return self._chat.keeps_order

    def send(
        self,
        sender_id: str,
        kind: int,
        target_id: str,
        content: str,
        category: str,
        request_id: str,
        answer_by: float | None = None,
    ) -> Awaitable[Sent]:
        """Send as a user, or as the system for "". A chatroom accepts it from any user, member or not.

        *answer_by* is that of `gim.storage.interface.Draft`.
        """
        sender = SYSTEM_USER
        if sender_id:
            sender = User(ids.check_id(sender_id, "sender_id"), sender_id)
        return self._chat.send(
            sender,
            kind,
            target_id,
            content,
            category,
            request_id,
            as_admin=True,
            answer_by=answer_by,
        )

    async def broadcast(self, content: str, category: str) -> None:
        """Push an event to every connection of every node. It is not stored."""
        self._chat.check_content(content)
        now = self._wall.now_ms()
        event = Event(EventType.BROADCAST, SYSTEM, category=category, content=content, created_at=now)
        await self._nodes.broadcast(event)

    # users

    async def connections(self, user_id: str) -> ConnectionList:
        """Return a user's connections, at any node, in the order of their logins."""
        return ConnectionList(await self._command(user_id, ConnectionAction.LIST, ""))

    async def disconnect(self, user_id: str, key: str) -> ConnectionList:
        """Close the connections of a user, or the one with this key unless it is ""; return them."""
        return ConnectionList(await self._command(user_id, ConnectionAction.CLOSE, key))

    async def _command(self, user_id: str, action: ConnectionAction, key: str) -> list[ConnectionState]:
        ids.check_id(user_id, "id")
        states = await self._nodes.command_connections(ConnectionCommand(user_id, action, key))
        return sorted(states, key=lambda state: state.since)  # nodes answer in any order

    async def ban(self, user_id: str, seconds: int) -> Until:
        """Refuse logins of a user for *seconds*, close their connections, void their tokens."""
        ids.check_id(user_id, "id")
        until = await self._moderation.ban(user_id, 1000 * seconds, 1000 * LIFETIME)
        await self._command(user_id, ConnectionAction.CLOSE, "")
        return Until(until)

    async def unban(self, user_id: str) -> None:
        """End a ban now. Tokens from before it stay void."""
        await self._moderation.unban(ids.check_id(user_id, "id"))

    async def ban_of(self, user_id: str) -> Ban:
        """Return when a user was banned last, and until when."""
        return await self._moderation.ban_of(ids.check_id(user_id, "id"))

    # chatrooms

    async def create(self, chatroom_id: str, name: str, owner_id: str) -> None:
        """Create a chatroom that stays until it is dismissed; it has no owner for ""."""
        ids.check_id(chatroom_id, "id")
        owner = User(ids.check_id(owner_id, "owner_id"), owner_id) if owner_id else None
        await self._chatrooms.create(chatroom_id, check_name(name, "name"), owner)

    async def add_member(self, chatroom_id: str, user_id: str, role: str | None) -> Joined:
        """Make a user a member of a chatroom that exists, in a role unless it is None."""
        ids.check_id(chatroom_id, "id")
        user = User(ids.check_id(user_id, "user_id"), user_id)
        total = await self._chatrooms.join(chatroom_id, user, "", create_missing=False)
        if role is not None:
            await self._moderation.appoint(chatroom_id, SYSTEM, user_id, role)
        return Joined(chatroom_session(chatroom_id).id, total)

    # nodes

    async def statistics(self) -> Statistics:
        """Return the counts of each node, and their sums."""
        nodes = await self._nodes.statistics()
        total = Counts(
            connections=sum(node.connections for node in nodes),
            users=sum(node.users for node in nodes),
            chatrooms=sum(node.chatrooms for node in nodes),
            messages=sum(node.messages for node in nodes),
        )
        return Statistics(total, nodes)
