"""What reaches all nodes through Redis: commands to connections, broadcasts, statistics."""

from __future__ import annotations

from secrets import token_hex

from msgspec import msgpack
from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from gim.errors import Unavailable
from gim.log.logger import Logger
from gim.model import ConnectionState, Counts, Event, NodeCounts
from gim.storage.announcements import ConnectionCommand
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.node_channels import NodeChannels
from gim.storage.redis.store.records import command_payload

# seconds between two polls for replies; 1 s in all
_POLL_PAUSES = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.4)
_POLLS_WITHIN = 1.2  # seconds; with a slow server there is time for fewer polls
_REPLIES_KEPT_MS = 5000  # how long replies wait for the node that asked

_states = msgpack.Decoder(list[ConnectionState])
_counts = msgpack.Decoder(Counts)
_event = msgpack.Decoder(Event)


class RedisNodes:
    """Implements `gim.storage.interface.Nodes`.

    A command goes out on its user's channel. The replies gather in a list beside the user's other keys.
    """

    _log = Logger()

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        heartbeat: Heartbeat,
        channels: NodeChannels,
        clock: IReactorTime,
    ) -> None:
        self.tell = channels.tell
        self._redis = redis
        self._keys = keys
        self._heartbeat = heartbeat
        self._clock = clock

    async def command_connections(self, command: ConnectionCommand) -> list[ConnectionState]:
        """See `gim.storage.interface.Nodes.command_connections`."""
        asked = replace(command, ask=token_hex(8))
        base = self._keys.user(command.user_id)
        count = await self._redis.call(base, self._redis.publish, base, command_payload(asked))
        replies: list[bytes] = []
        end = self._clock.seconds() + _POLLS_WITHIN
        for pause in _POLL_PAUSES:
            if len(replies) >= count or self._clock.seconds() + pause > end:
                break
            await deferLater(self._clock, pause)
            replies = await self._redis.call(base, "LRANGE", self._replies_key(asked), 0, -1)
        return [state for reply in replies for state in _states.decode(reply)]

    def _replies_key(self, command: ConnectionCommand) -> str:
        return f"{self._keys.user(command.user_id)}:answers:{command.ask}"

    def reply_to_command(self, command: ConnectionCommand, connections: list[ConnectionState]) -> None:
        """See `gim.storage.interface.Nodes.reply_to_command`."""
        if command.ask:
            Deferred.fromCoroutine(self._reply(command, connections)).addErrback(self._reply_failed)

    async def _reply(self, command: ConnectionCommand, connections: list[ConnectionState]) -> None:
        base, key = self._keys.user(command.user_id), self._replies_key(command)
        try:
            await self._redis.call(base, "RPUSH", key, msgpack.encode(connections))
            await self._redis.call(base, "PEXPIRE", key, _REPLIES_KEPT_MS)
        except Unavailable:  # the node that asked does without
            pass

    def _reply_failed(self, failure: Failure) -> None:
        self._log.failure("a command to connections could not be answered", failure)

    async def broadcast(self, event: Event) -> None:
        """See `gim.storage.interface.Nodes.broadcast`."""
        await self._heartbeat.broadcast(msgpack.encode(event))

    async def statistics(self) -> list[NodeCounts]:
        """See `gim.storage.interface.Nodes.statistics`."""
        return [
            _of_node(node.decode(), _counts.decode(counts))
            for node, counts in sorted((await self._heartbeat.counts()).items())
        ]

    async def listeners(self) -> list[str]:
        """See `gim.storage.interface.Nodes.listeners`."""
        try:
            await self._heartbeat.beat()  # a node may be new
        except Unavailable:  # then those of the last beat
            pass
        return sorted({self._heartbeat.node, *(node.decode() for node in self._heartbeat.alive)})


def _of_node(node: str, counts: Counts) -> NodeCounts:
    return NodeCounts(
        connections=counts.connections,
        users=counts.users,
        chatrooms=counts.chatrooms,
        messages=counts.messages,
        node=node,
    )


def event_of(payload: bytes) -> Event:
    """Read a broadcast event."""
    return _event.decode(payload)
