"""What reaches the listeners of the memory store: commands, broadcasts, messages; and statistics."""

from __future__ import annotations

from itertools import count

from msgspec.structs import replace
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from gim.model import ConnectionState, Event, NodeCounts
from gim.storage.announcements import Broadcast, ConnectionCommand, NodeMessage
from gim.storage.memory.archive import Archive
from gim.storage.memory.people import People
from gim.storage.memory.subscribers import Subscriber, Subscribers

REPLY_TIMEOUT = 1.0  # seconds that a command waits for replies


class _Command:
    """A command under way: who has not replied to it yet, and the replies."""

    def __init__(self, subscribers: tuple[Subscriber, ...]) -> None:
        self.waits_for = set(subscribers)
        self.replies: list[ConnectionState] = []
        self.is_done: Deferred[None] = Deferred()

    def take(self, subscriber: Subscriber, replies: list[ConnectionState]) -> None:
        """Take the replies of a subscriber, once."""
        if subscriber in self.waits_for:
            self.waits_for.discard(subscriber)
            self.replies += replies
            if not self.waits_for and not self.is_done.called:
                self.is_done.callback(None)


class Commands:
    """The commands under way, by their names."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._names = count(1)
        self._under_way: dict[str, _Command] = {}

    async def carry_out(
        self, command: ConnectionCommand, subscribers: tuple[Subscriber, ...]
    ) -> list[ConnectionState]:
        """Announce a command; return what was replied within `REPLY_TIMEOUT`."""
        named = replace(command, ask=str(next(self._names)))
        under_way = self._under_way[named.ask] = _Command(subscribers)
        try:
            for subscriber in subscribers:
                subscriber.announce(named)
            if under_way.waits_for:
                await under_way.is_done.addTimeout(REPLY_TIMEOUT, self._clock)
        except TimeoutError:  # what there is has to do
            pass
        finally:
            del self._under_way[named.ask]
        return under_way.replies

    def reply(self, ask: str, subscriber: Subscriber, replies: list[ConnectionState]) -> None:
        """Take a reply; one that is late is dropped."""
        if (under_way := self._under_way.get(ask)) is not None:
            under_way.take(subscriber, replies)

    def gone(self, subscriber: Subscriber) -> None:
        """Wait for the replies of a subscriber no longer."""
        for under_way in tuple(self._under_way.values()):  # a command that is done goes
            under_way.take(subscriber, [])


class MemoryNodes:
    """Implements `gim.storage.interface.Nodes` for one subscriber. All of them are one node."""

    def __init__(
        self,
        node: str,
        archive: Archive,
        people: People,
        subscribers: Subscribers,
        commands: Commands,
        own: Subscriber,
    ) -> None:
        self._node = node
        self._archive = archive
        self._people = people
        self._subscribers = subscribers
        self._commands = commands
        self._own = own

    async def command_connections(self, command: ConnectionCommand) -> list[ConnectionState]:
        person = self._people.get(command.user_id)
        if person is None or not person.subscribers:
            return []
        return await self._commands.carry_out(command, person.subscribers)

    def reply_to_command(self, command: ConnectionCommand, connections: list[ConnectionState]) -> None:
        self._commands.reply(command.ask, self._own, connections)

    async def broadcast(self, event: Event) -> None:
        self._subscribers.announce_to_all(Broadcast(event))

    async def statistics(self) -> list[NodeCounts]:
        return [
            NodeCounts(
                connections=self._subscribers.connections,
                users=self._people.online,
                chatrooms=self._archive.watched,
                messages=self._archive.stored,
                node=self._node,
            )
        ]

    def tell(self, listener: str, body: bytes) -> None:
        self._subscribers.tell(listener, NodeMessage(self._own.name, body))

    async def listeners(self) -> list[str]:
        return self._subscribers.names
