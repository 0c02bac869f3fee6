"""Which server of a cluster holds which slots."""

from __future__ import annotations

from typing import Any

from hiredis import ReplyError
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory

from gim.errors import Unavailable
from gim.storage.redis.endpoints import endpoint
from gim.storage.redis.greeting import Greeting
from gim.storage.redis.protocol import RedisProtocol
from gim.storage.redis.url import Address, Target

PATIENCE = 1.0  # seconds that a server has to tell the slots


class Slots:
    """The masters by slot, as one server of the cluster tells them."""

    def __init__(self, ranges: list[tuple[int, int, Address]]) -> None:
        """The *ranges* are of first slot, last slot, master."""
        self.ranges = ranges
        self._masters: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for first, last, master in ranges:
            self._masters[first : last + 1] = [master] * (last + 1 - first)

    @property
    def masters(self) -> set[Address]:
        return {master for master in self._masters if master is not None}

    @property
    def is_whole(self) -> bool:
        """Say whether every slot has a master."""
        return None not in self._masters

    def master_of(self, base: str) -> Address | None:
        """Return the server that holds the keys of *base*."""
        return self._masters[key_slot(base.encode())]

    def move(self, base: str, master: Address) -> None:
        """Take note of where the slot of *base* went."""
        self._masters[key_slot(base.encode())] = master


def read_slots(reply: list[Any], asked: str) -> Slots:
    """Read the reply of CLUSTER SLOTS; a server that does not know its own address was *asked*."""
    return Slots(
        [
            (first, last, Address((master[0] or b"").decode() or asked, master[1]))
            for first, last, master, *_replicas in reply
        ]
    )


async def ask_for_slots(addresses: list[Address], target: Target, reactor: Any) -> Slots:
    """Return what the first server says that answers, or raise `Unavailable`."""
    why = ""
    for address in addresses:
        try:
            return await _ask(address, target, reactor)
        except (ConnectError, Unavailable, ReplyError) as error:
            why = f"{address}: {error}"
    raise Unavailable(f"no server of the cluster tells the slots, the last one was {why}")


async def _ask(address: Address, target: Target, reactor: Any) -> Slots:
    factory = Factory.forProtocol(lambda: RedisProtocol(reactor, None, PATIENCE))
    factory.noisy = False
    connection: Any = await endpoint(reactor, address, target.tls).connect(factory)
    try:
        await connection.call(*Greeting(target, "gim").hello())
        return read_slots(await connection.call("CLUSTER", "SLOTS"), address.host)
    finally:
        connection.abort()
