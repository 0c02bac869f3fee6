"""What the parts of the Redis storage ask of the servers, be it one, one of several, or a cluster."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

from msgspec import Struct

from gim.storage.membership_limits import MembershipLimits
from gim.storage.redis.client.protocol import RedisProtocol, Word
from gim.storage.redis.store.scripts import Script


class Redis(Protocol):
    """The servers. Every call may raise `gim.errors.Unavailable`, and does so within two seconds."""

    is_cluster: bool  # a script can touch the keys of one base only
    publish: str  # the command that announces

    def run(self, script: Script, bases: tuple[str, ...], *words: Word) -> Awaitable[Any]:
        """Run a script where the keys of the first base live; return its reply as hiredis reads it."""

    def call(self, base: str, *words: Word) -> Awaitable[Any]:
        """Run a command where the keys of *base* live."""

    def deadline(self, base: str) -> int:
        """Return the time in ms at which a call made now is given up, by the clock of its server."""

    async def ping(self) -> None:
        """Return when every server has answered."""

    async def measure(self, base: str) -> None:
        """Look at that clock again."""

    async def subscribe(self, base: str) -> None:
        """Subscribe to the channel *base*; done when the server has confirmed it."""

    def unsubscribe(self, base: str) -> None:
        """End that."""

    def hears(self, base: str) -> bool:
        """Say whether the channel *base* is subscribed to on a connection that is there."""

    def start(self) -> None:
        """Connect, and stay connected."""

    def stop(self) -> None:
        """Disconnect."""


class Subscriber(Protocol):
    """What a new connection is prepared with, and whom it tells what happens."""

    data_base: str  # the base of what names the data set

    async def open(self, connection: RedisProtocol) -> None:
        """Look at the data behind a new connection to the server that names it."""

    def bases(self) -> list[str]:
        """Return the channels to subscribe a new connection to."""

    def published(self, channel: bytes, payload: bytes) -> None:
        """Take an announcement."""

    def dropped(self, channel: bytes) -> None:
        """Hear that a server ended a subscription by itself."""

    def connected(self) -> None:
        """Hear that a connection serves, and is subscribed to what it was to be."""

    def lost(self, bases: list[str]) -> None:
        """Hear that announcements on these channels may be missed from now on."""


class Retention(Struct, frozen=True):
    """What is kept, and for how long; durations in milliseconds."""

    ttl: int  # of a message
    max_session_messages: int
    sequences: bool
    rooms: MembershipLimits = MembershipLimits()

    @property
    def keep(self) -> int:
        """How long a user is kept whom nothing refers to: longer than any message may be."""
        return self.ttl + 86_400_000
