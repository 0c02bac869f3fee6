"""Bans, orders about connections, and what is asked of all nodes, on Redis."""

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
from gim.model import Ban, ConnectionState, Counts, Event, NodeCounts
from gim.storage.interface import ConnectionCommand
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store import scripts
from gim.storage.redis.store.heartbeat import Heartbeat
from gim.storage.redis.store.keys import Keys
from gim.storage.redis.store.records import order_payload

_PAUSES = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.4)  # seconds between two looks for answers
_KEPT = 5000  # ms that an answer is kept for whoever asked

_states = msgpack.Decoder(list[ConnectionState])
_counts = msgpack.Decoder(Counts)
_event = msgpack.Decoder(Event)


class Admin:
    """What an administrator asks. Nodes are reached over the channels that there are: an order goes out
    on its user's, and answers gather in a list beside the user's other keys."""

    _log = Logger()

    def __init__(self, redis: Redis, keys: Keys, pulse: Heartbeat, clock: IReactorTime) -> None:
        self._redis = redis
        self._keys = keys
        self._pulse = pulse
        self._clock = clock

    async def ban(self, user_id: str, duration: int, remember: int) -> int:
        """See `gim.storage.interface.Storage.ban`; 0 ms end it."""
        base = self._keys.user(user_id)
        return int(await self._redis.run(scripts.BAN, (base,), duration, remember))

    async def ban_of(self, user_id: str) -> Ban:
        """See `gim.storage.interface.Storage.ban_of`."""
        since, until = await self._redis.run(scripts.BANNED, (self._keys.user(user_id),))
        return Ban(int(since), int(until))

    async def order(self, order: ConnectionCommand) -> list[ConnectionState]:
        """See `gim.storage.interface.Storage.order`."""
        asked = replace(order, ask=token_hex(8))
        base = self._keys.user(order.user_id)
        count = await self._redis.call(base, self._redis.publish, base, order_payload(asked))
        answers: list[bytes] = []
        for pause in _PAUSES:
            if len(answers) >= count:
                break
            await deferLater(self._clock, pause)
            answers = await self._redis.call(base, "LRANGE", self._answers(asked), 0, -1)
        return [state for answer in answers for state in _states.decode(answer)]

    def _answers(self, order: ConnectionCommand) -> str:
        return f"{self._keys.user(order.user_id)}:answers:{order.ask}"

    def answer(self, order: ConnectionCommand, connections: list[ConnectionState]) -> None:
        """See `gim.storage.interface.Storage.answer`."""
        if order.ask:
            Deferred.fromCoroutine(self._answer(order, connections)).addErrback(self._unanswered)

    async def _answer(self, order: ConnectionCommand, connections: list[ConnectionState]) -> None:
        base, key = self._keys.user(order.user_id), self._answers(order)
        try:
            await self._redis.call(base, "RPUSH", key, msgpack.encode(connections))
            await self._redis.call(base, "PEXPIRE", key, _KEPT)
        except Unavailable:  # whoever asked does without
            pass

    def _unanswered(self, failure: Failure) -> None:
        self._log.failure("an order could not be answered", failure)

    async def broadcast(self, event: Event) -> None:
        """See `gim.storage.interface.Storage.broadcast`."""
        await self._pulse.say(msgpack.encode(event))

    async def statistics(self) -> list[NodeCounts]:
        """See `gim.storage.interface.Storage.statistics`."""
        return [
            _of_node(node.decode(), _counts.decode(counts))
            for node, counts in sorted((await self._pulse.counts()).items())
        ]


def _of_node(node: str, counts: Counts) -> NodeCounts:
    return NodeCounts(
        connections=counts.connections,
        users=counts.users,
        chatrooms=counts.chatrooms,
        messages=counts.messages,
        node=node,
    )


def event_of(payload: bytes) -> Event:
    """Read an event that was said to all nodes."""
    return _event.decode(payload)
