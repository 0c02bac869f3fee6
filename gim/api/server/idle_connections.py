"""The HTTP connections that serve no request, so that the one that is idle longest can make room."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any


class IdleConnections:
    """Connections whose next request has not come yet, or not completely, the longest idle one first."""

    def __init__(self) -> None:
        self._channels: OrderedDict[Any, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._channels)

    def add(self, channel: Any) -> None:
        """Add a connection, idle from now on."""
        self._channels[channel] = None

    def discard(self, channel: Any) -> None:
        """Remove a connection that serves a request or is gone."""
        self._channels.pop(channel, None)

    def close_longest(self, keep: int) -> bool:
        """Drop the connection that is idle longest, if more than *keep* are; say whether one was.

        Its file is free in the next iteration of the reactor.
        """
        if len(self._channels) <= keep:
            return False
        channel, _ = self._channels.popitem(last=False)
        channel.transport.abortConnection()
        return True
