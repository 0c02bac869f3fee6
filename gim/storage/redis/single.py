"""One server, be it the only one or the master that Sentinels name."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from gim.errors import Unavailable
from gim.storage.redis.greeting import Greeting
from gim.storage.redis.link import Link
from gim.storage.redis.protocol import RedisProtocol, Word
from gim.storage.redis.scripts import Script
from gim.storage.redis.seam import Guests


class OneServer:
    """Implements `gim.storage.redis.seam.Redis`."""

    is_cluster = False

    def __init__(
        self,
        name: str,
        endpoint: IStreamClientEndpoint,
        greeting: Greeting,
        guests: Guests,
        clock: IReactorTime,
    ) -> None:
        self._greeting = greeting
        self._guests = guests
        self._link = Link(name, endpoint, self._prepare, guests, clock)

    async def _prepare(self, connection: RedisProtocol) -> None:
        await self._greeting.greet(connection)
        await self._guests.prepare(connection)

    def start(self) -> None:
        self._link.startService()

    def stop(self) -> None:
        self._link.stopService()

    async def run(self, script: Script, bases: tuple[str, ...], *words: Word) -> Any:
        return await self._link.run(script, bases, *words)

    async def call(self, base: str, *words: Word) -> Any:
        return await self._link.command(*words)

    def deadline(self, base: str) -> int:
        return self._link.deadline()

    async def measure(self, base: str) -> None:
        await self._link.measure()

    def subscribe(self, base: str) -> Awaitable[Any]:
        return self._link.subscribe("SUBSCRIBE", base)

    def unsubscribe(self, base: str) -> None:
        try:
            self._link.subscribe("UNSUBSCRIBE", base).addErrback(
                lambda failure: failure.trap(Unavailable)
            )
        except Unavailable:  # then it ended with the connection
            pass
