"""What reaches all workers through the parent's store, and its numbers of webhook events."""

from __future__ import annotations

from gim.link.channel import Channel
from gim.model import ConnectionState, Event, NodeCounts
from gim.storage.announcements import ConnectionCommand
from gim.storage.linked import calls


class LinkedNodes:
    """Implements `gim.storage.interface.Nodes`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._ask = channel.ask

    async def command_connections(self, command: ConnectionCommand) -> list[ConnectionState]:
        return await self._ask(calls.CommandConnections(command=command), list[ConnectionState])

    def reply_to_command(self, command: ConnectionCommand, connections: list[ConnectionState]) -> None:
        self._channel.send(calls.CommandReply(command, connections))

    async def broadcast(self, event: Event) -> None:
        await self._ask(calls.BroadcastEvent(event=event), type(None))

    async def statistics(self) -> list[NodeCounts]:
        return await self._ask(calls.Statistics(), list[NodeCounts])

    def tell(self, listener: str, body: bytes) -> None:
        self._channel.send(calls.Tell(listener, body))

    async def listeners(self) -> list[str]:
        return await self._ask(calls.Listeners(), list[str])


class LinkedWebhookLog:
    """Implements `gim.storage.interface.WebhookLog`."""

    def __init__(self, channel: Channel) -> None:
        self._ask = channel.ask

    async def next_event_number(
        self, user_id: str, online: bool | None = None, key: str = ""
    ) -> int | None:
        question = calls.NextEventNumber(user_id=user_id, online=online, key=key)
        (number,) = await self._ask(question, tuple[int | None])
        return number

    async def users_to_reannounce(self, limit: int) -> list[str]:
        return await self._ask(calls.UsersToReannounce(limit=limit), list[str])
