"""The channels of a cluster, and the connections that are subscribed to them."""

from __future__ import annotations

from hiredis import ReplyError

from gim.errors import Unavailable
from gim.storage.redis.client.protocol import RedisProtocol


class Channels:
    """Maps each channel to the connection that is subscribed to it, one to the server of its slot."""

    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._connections: dict[str, RedisProtocol] = {}

    def want(self, base: str) -> None:
        """Add a channel; its subscription follows."""
        self._wanted.add(base)

    def give_up(self, base: str) -> None:
        """Unsubscribe from a channel: now, or as soon as the server has confirmed the subscription."""
        self._wanted.discard(base)
        connection = self._connections.pop(base, None)
        if connection is not None:
            self._unsubscribe(base, connection)

    def confirmed(self, base: str, connection: RedisProtocol) -> None:
        """Record a subscription that a server has confirmed; end it if it is not wanted any more."""
        if base in self._wanted:
            self._connections[base] = connection
        else:
            self._unsubscribe(base, connection)

    def _unsubscribe(self, base: str, connection: RedisProtocol) -> None:
        if not connection.is_lost:
            ended = connection.subscribe("SUNSUBSCRIBE", base)
            ended.addErrback(lambda failure: failure.trap(Unavailable, ReplyError))

    def is_on(self, base: str, connection: RedisProtocol | None) -> bool:
        """Return whether this connection is subscribed to the channel."""
        return connection is not None and self._connections.get(base) is connection

    def take_lost(self) -> list[str]:
        """Remove the connections that are lost; return the channels that were subscribed on them."""
        lost = [base for base, connection in self._connections.items() if connection.is_lost]
        for base in lost:
            del self._connections[base]
        return lost
