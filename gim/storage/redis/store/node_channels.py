"""Messages from one node to others: a channel of each node, and one of all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from msgspec import Struct, msgpack
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gim.errors import Unavailable
from gim.log.logger import Logger
from gim.storage.announcements import NodeMessage
from gim.storage.redis.client.interface import Redis
from gim.storage.redis.store.keys import Keys


class _Told(Struct, array_like=True, gc=False):
    """What is published."""

    sender: str
    body: bytes


_told = msgpack.Decoder(_Told)


class NodeChannels:
    """The two channels that a node is subscribed to for as long as it runs.

    Nothing is looked up after an interruption: a message that was published meanwhile is lost.
    """

    _log = Logger()

    def __init__(
        self, redis: Redis, keys: Keys, node: str, announce: Callable[[NodeMessage], None]
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._node = node
        self._announce = announce
        self.bases = [keys.data, keys.node(node)]
        self._channels = frozenset(base.encode() for base in self.bases)

    async def subscribe(self) -> None:
        """Subscribe where that was not done with the connection.

        If a server can't be reached, its next connection subscribes.
        """
        for base in self.bases:
            if not self._redis.hears(base):
                with suppress(Unavailable):
                    await self._redis.subscribe(base)

    def published(self, channel: bytes, payload: bytes) -> None:
        """Announce a message, if it came on one of these channels."""
        if channel not in self._channels:
            return
        try:
            told = _told.decode(payload)
        except Exception:
            self._log.failure("a message of another node can't be read")
        else:
            self._announce(NodeMessage(told.sender, told.body))

    def dropped(self, channel: bytes) -> None:
        """Subscribe again if the server has ended the subscription of one of these channels."""
        if channel in self._channels:
            self._begin(channel.decode(), self._redis.subscribe(channel.decode()))

    def tell(self, node: str, body: bytes) -> None:
        """Publish a message to a node, "" for all."""
        base = self._keys.node(node) if node else self._keys.data
        payload = msgpack.encode(_Told(self._node, body))
        self._begin(base, self._redis.call(base, self._redis.publish, base, payload))

    def _begin(self, base: str, work: Awaitable[object]) -> None:
        """Do what nothing waits for."""
        Deferred.fromCoroutine(self._do(work)).addErrback(self._failed, base)

    async def _do(self, work: Awaitable[object]) -> None:
        with suppress(Unavailable):
            await work

    def _failed(self, failure: Failure, base: str) -> None:
        self._log.failure("messages between nodes failed on {channel}", failure, channel=base)
