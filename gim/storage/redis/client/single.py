"""One server: the only one, or the master that Sentinels name."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from hiredis import ReplyError
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from gim.errors import Unavailable
from gim.storage.redis.client.handshake import Handshake
from gim.storage.redis.client.link import BEGIN, REPLY_TIMEOUT, Link
from gim.storage.redis.client.protocol import RedisProtocol, Word
from gim.storage.redis.client.reply_budget import ReplyBudget
from gim.storage.redis.client.script import Script
from gim.storage.redis.client.subscriber import Subscriber

CHANNELS_PER_COMMAND = 1000


class OneServer:
    """Implements `gim.storage.redis.client.interface.Redis`."""

    is_cluster = False
    publish = "PUBLISH"

    def __init__(
        self,
        name: str,
        endpoint: IStreamClientEndpoint,
        handshake: Handshake,
        subscriber: Subscriber,
        clock: IReactorTime,
    ) -> None:
        self._handshake = handshake
        self._subscriber = subscriber
        self._link = Link(name, endpoint, self, subscriber, clock)

    # see `gim.storage.redis.client.link.LinkOwner`

    async def prepare(self, link: Link, connection: RedisProtocol) -> None:
        await self._handshake.perform(connection, self._subscriber.scripts)
        await self._subscriber.open(connection)
        await self._subscribe_again(connection, self._subscriber.bases())

    async def _subscribe_again(self, connection: RedisProtocol, channels: list[str]) -> None:
        for start in range(0, len(channels), CHANNELS_PER_COMMAND):
            await connection.subscribe("SUBSCRIBE", *channels[start : start + CHANNELS_PER_COMMAND])

    def link_up(self, link: Link) -> None:
        self._subscriber.connected()

    def link_down(self, link: Link) -> None:
        self._subscriber.lost(self._subscriber.bases())

    # see `gim.storage.redis.client.interface.Redis`

    def start(self) -> None:
        self._link.startService()

    def stop(self) -> None:
        self._link.stopService()

    def run(self, script: Script, bases: tuple[str, ...], *words: Word) -> Awaitable[Any]:
        return self._link.run(script, bases, *words)

    def call(self, base: str, *words: Word) -> Awaitable[Any]:
        return self._link.command(*words)

    def explained(self, base: str, error: ReplyError) -> Exception:
        return self._link.explained(error)

    def replies(self, base: str) -> ReplyBudget:
        return self._link.replies

    def deadline(self, base: str, seconds: float = REPLY_TIMEOUT) -> int:
        return self._link.deadline(seconds)

    async def scan(self, cursor: str, pattern: str, count: int) -> tuple[list[bytes], str]:
        keys, following = await self._link.scan(cursor or BEGIN, pattern, count)
        return keys, following if following != BEGIN else ""

    async def ping(self) -> list[str]:
        return [await self._link.ping()]

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
        except Unavailable:  # the subscription ended with the connection
            pass
