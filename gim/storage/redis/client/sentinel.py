"""Connecting to the master that Sentinels name."""

from __future__ import annotations

from typing import Any

from hiredis import ReplyError
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from zope.interface import implementer

from gim.errors import Unavailable
from gim.storage.redis.client.endpoints import connect, endpoint
from gim.storage.redis.client.protocol import RedisProtocol
from gim.storage.redis.client.url import Address, Target

ANSWER_TIMEOUT = 0.5  # seconds for a Sentinel's answer, connecting included


@implementer(IStreamClientEndpoint)
class MasterEndpoint:
    """Asks all Sentinels for the master at each connect, and takes the newest answer.

    A Sentinel that was cut off may name a former master; each failover has a higher *config-epoch*.
    """

    def __init__(self, target: Target, reactor: Any) -> None:
        self._target = target
        self._reactor = reactor
        self._sentinels = [endpoint(reactor, address, target.tls) for address in target.addresses]

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        return Deferred.fromCoroutine(self._connect(factory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        master = await self.master()
        return await connect(endpoint(self._reactor, master, self._target.tls), factory)

    async def master(self) -> Address:
        """Return the address of the master, or raise `Unavailable`."""
        asked = [
            Deferred.fromCoroutine(self._ask(sentinel)).addTimeout(ANSWER_TIMEOUT, self._reactor)
            for sentinel in self._sentinels
        ]
        answers = [answer for found, answer in await DeferredList(asked, consumeErrors=True) if found]
        if not answers:
            raise Unavailable(f"no Sentinel names a master {self._target.master!r}")
        _, address = max(answers, key=lambda answer: answer[0])
        return address

    async def _ask(self, sentinel: IStreamClientEndpoint) -> tuple[int, Address]:
        factory = Factory.forProtocol(lambda: RedisProtocol(self._reactor, ANSWER_TIMEOUT))
        factory.noisy = False
        connection: Any = await connect(sentinel, factory)
        try:
            if self._target.sentinel_password:
                user = self._target.sentinel_user or "default"
                await connection.call("AUTH", user, self._target.sentinel_password)
            flat = await connection.call("SENTINEL", "MASTER", self._target.master)
        except ReplyError as error:
            raise Unavailable(f"a Sentinel refused: {error}") from error
        finally:
            connection.abort()
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        address = Address(fields[b"ip"].decode(), int(fields[b"port"]))
        return int(fields[b"config-epoch"]), address
