"""One server, be it the only one or the master that Sentinels name."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from hiredis import ReplyError
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from gim.errors import Unavailable
from gim.storage.redis.client.handshake import Handshake
from gim.storage.redis.client.interface import Subscriber
from gim.storage.redis.client.link import Link
from gim.storage.redis.client.protocol import RedisProtocol, Word
from gim.storage.redis.store.scripts import Script

CHANNELS_AT_A_TIME = 1000


class OneServer:
    """Implements `gim.storage.redis.client.interface.Redis`."""

    is_cluster = False
    publish = "PUBLISH"

    def __init__(
        self,
        name: str,
        endpoint: IStreamClientEndpoint,
        greeting: Handshake,
        guests: Subscriber,
        clock: IReactorTime,
    ) -> None:
        self._greeting = greeting
        self.guests = guests
        self._link = Link(name, endpoint, self, clock)

    # see `gim.storage.redis.client.link.LinkOwner`

    async def prepare(self, link: Link, connection: RedisProtocol) -> None:
        await self._greeting.greet(connection)
        await self.guests.open(connection)
        await self._listen(connection, self.guests.bases())

    async def _listen(self, connection: RedisProtocol, channels: list[str]) -> None:
        for start in range(0, len(channels), CHANNELS_AT_A_TIME):
            await connection.subscribe("SUBSCRIBE", *channels[start : start + CHANNELS_AT_A_TIME])

    def up(self, link: Link) -> None:
        self.guests.connected()

    def down(self, link: Link) -> None:
        self.guests.lost(self.guests.bases())

    # see `gim.storage.redis.client.interface.Redis`

    def start(self) -> None:
        self._link.startService()

    def stop(self) -> None:
        self._link.stopService()

    def run(self, script: Script, bases: tuple[str, ...], *words: Word) -> Awaitable[Any]:
        return self._link.run(script, bases, *words)

    def call(self, base: str, *words: Word) -> Awaitable[Any]:
        return self._link.command(*words)

    def deadline(self, base: str) -> int:
        return self._link.deadline()

    async def ping(self) -> None:
        await self._link.command("PING")

    async def measure(self, base: str) -> None:
        await self._link.measure()

    async def subscribe(self, base: str) -> None:
        try:
            await self._link.subscribe("SUBSCRIBE", base)
        except ReplyError as error:
            raise self._link.explained(error) from error

    def hears(self, base: str) -> bool:
        return self._link.is_up

    def unsubscribe(self, base: str) -> None:
        try:
            self._link.subscribe("UNSUBSCRIBE", base).addErrback(
                lambda failure: failure.trap(Unavailable, ReplyError)
            )
        except Unavailable:  # then it ended with the connection
            pass
