"""What the client calls when servers publish messages, and connections come and go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from gim.storage.redis.client.script import Script

if TYPE_CHECKING:
    from gim.storage.redis.client.protocol import RedisProtocol


class Subscriber(Protocol):
    """Receives the messages of its channels, prepares new connections, and notices lost ones."""

    data_base: str  # the base of the keys that name the data set

    @property
    def scripts(self) -> Sequence[Script]:
        """The scripts to load with every new connection."""

    async def open(self, connection: RedisProtocol) -> None:
        """Check the data set on a new connection to the server that holds `data_base`."""

    def bases(self) -> list[str]:
        """Return the channels that a new connection subscribes to."""

    def connected(self) -> None:
        """Called when a connection serves and its channels are subscribed."""

    def published(self, channel: bytes, payload: bytes) -> None:
        """Called with each message of a channel."""

    def dropped(self, channel: bytes) -> None:
        """Called when the server itself has ended a subscription."""

    def lost(self, bases: list[str]) -> None:
        """Called when messages of these channels may be missed from now on."""
