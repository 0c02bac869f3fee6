"""Which channels of a cluster are listened to, and on which connections."""

from __future__ import annotations

from hiredis import ReplyError

from gim.errors import Unavailable
from gim.storage.redis.client.protocol import RedisProtocol


class Channels:
    """Channels by the connection that is subscribed to them: that of the server that holds the slot."""

    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._on: dict[str, RedisProtocol] = {}

    def want(self, base: str) -> None:
        """Take note that a channel is to be heard."""
        self._wanted.add(base)

    def give_up(self, base: str) -> None:
        """End the subscription, or let it end when the server has confirmed it."""
        self._wanted.discard(base)
        connection = self._on.pop(base, None)
        if connection is not None:
            self._unsubscribe(base, connection)

    def confirmed(self, base: str, connection: RedisProtocol) -> None:
        """Hear that a server has confirmed a subscription."""
        if base in self._wanted:
            self._on[base] = connection
        else:
            self._unsubscribe(base, connection)

    def _unsubscribe(self, base: str, connection: RedisProtocol) -> None:
        if not connection.is_lost:
            ended = connection.subscribe("SUNSUBSCRIBE", base)
            ended.addErrback(lambda failure: failure.trap(Unavailable, ReplyError))

    def is_on(self, base: str, connection: RedisProtocol | None) -> bool:
        """Say whether a channel is heard on this connection."""
        return connection is not None and self._on.get(base) is connection

    def lost(self) -> list[str]:
        """Forget the connections that are gone; return the channels that were heard on them."""
        lost = [base for base, connection in self._on.items() if connection.is_lost]
        for base in lost:
            del self._on[base]
        return lost
