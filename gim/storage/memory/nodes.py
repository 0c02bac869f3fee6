"""The memory store's only node."""

from __future__ import annotations

from gim.model import ConnectionState, Event, NodeCounts
from gim.storage.announcements import Broadcast, ConnectionCommand
from gim.storage.memory.announcer import Announcer
from gim.storage.memory.archive import Archive
from gim.storage.memory.people import People


class MemoryNodes:
    """Implements `gim.storage.interface.Nodes`: commands are answered while they are announced."""

    def __init__(self, node: str, archive: Archive, people: People, announcer: Announcer) -> None:
        self._node = node
        self._archive = archive
        self._people = people
        self._announcer = announcer
        self._replies: list[ConnectionState] = []  # to the command under way

    async def command_connections(self, command: ConnectionCommand) -> list[ConnectionState]:
        person = self._people.get(command.user_id)
        self._replies = []
        if person is not None and person.is_subscribed:
            self._announcer.announce(command)
        replies, self._replies = self._replies, []
        return replies

    def reply_to_command(self, command: ConnectionCommand, connections: list[ConnectionState]) -> None:
        self._replies += connections

    async def broadcast(self, event: Event) -> None:
        self._announcer.announce(Broadcast(event))

    async def statistics(self) -> list[NodeCounts]:
        counts = self._announcer.counts()
        return [
            NodeCounts(
                connections=counts.connections,
                users=counts.users,
                chatrooms=counts.chatrooms,
                messages=self._archive.stored,
                node=self._node,
            )
        ]
