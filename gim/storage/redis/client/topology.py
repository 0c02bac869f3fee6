"""The slots of a cluster and their masters."""

from __future__ import annotations

from typing import Any

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from twisted.internet.defer import CancelledError
from twisted.internet.protocol import Factory

from gim.errors import Unavailable
from gim.storage.redis.client.endpoints import connect, endpoint
from gim.storage.redis.client.handshake import Handshake
from gim.storage.redis.client.protocol import RedisProtocol
from gim.storage.redis.client.url import Address, Target

SLOTS_TIMEOUT = 1.0  # seconds for a server's answer


class Slots:
    """The masters by slot, as one server of the cluster sees them."""

    def __init__(self, ranges: list[tuple[int, int, Address]]) -> None:
        """Each of the *ranges* is first slot, last slot, master."""
        self.ranges = ranges
        self._masters: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for first, last, master in ranges:
            self._masters[first : last + 1] = [master] * (last + 1 - first)

    @property
    def masters(self) -> set[Address]:
        return {master for master in self._masters if master is not None}

    @property
    def is_whole(self) -> bool:
        """Whether every slot has a master."""
        return None not in self._masters

    def master_of(self, base: str) -> Address | None:
        """Return the master of the slot of *base*."""
        return self._masters[key_slot(base.encode())]

    def move(self, base: str, master: Address) -> None:
        """Record that the slot of *base* has moved to *master*."""
        self._masters[key_slot(base.encode())] = master


def read_slots(reply: list[Any], asked: str) -> Slots:
    """Read the reply of CLUSTER SLOTS; *asked* is the address of a server that does not know its own."""
    return Slots(
        [
            (first, last, Address((master[0] or b"").decode() or asked, master[1]))
            for first, last, master, *_replicas in reply
        ]
    )


_View = tuple[bool, int, Slots]  # whether the server sees a healthy cluster, its epoch, the slots


async def ask_for_slots(addresses: list[Address], target: Target, reactor: Any) -> Slots:
    """Return the slots as the first server sees them that sees a healthy cluster. If none does, take the
    view with the highest epoch: a master that was cut off keeps an old one. Or raise `Unavailable`."""
    why, views = "", list[_View]()
    for address in addresses:
        try:
            views.append(await _ask(address, target, reactor))
        except CancelledError:
            raise
        except Exception as error:  # of names, of TLS files, of connections: each has its own
            why = f"{address}: {error}"
        else:
            if views[-1][0]:
                return views[-1][2]
    if not views:
        raise Unavailable(f"no server of the cluster answers, the last one tried was {why}")
    return max(views, key=lambda view: view[1])[2]


def _view(info: str, slots: Slots) -> _View:
    fields = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    return fields.get("cluster_state") == "ok", int(fields.get("cluster_current_epoch", 0)), slots


async def _ask(address: Address, target: Target, reactor: Any) -> _View:
    factory = Factory.forProtocol(lambda: RedisProtocol(reactor, SLOTS_TIMEOUT))
    factory.noisy = False
    connection: Any = await connect(endpoint(reactor, address, target.tls), factory)
    try:
        await Handshake(target, "gim").login(connection)
        info = (await connection.call("CLUSTER", "INFO")).decode()
        slots = read_slots(await connection.call("CLUSTER", "SLOTS"), address.host)
        return _view(info, slots)
    finally:
        connection.abort()
