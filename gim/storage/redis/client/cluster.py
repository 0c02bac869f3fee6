"""A Redis Cluster: a link to each master, and each command sent to the master of its slot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from hiredis import ReplyError
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from gim.concurrency.deadline import shielded
from gim.concurrency.gather import gather
from gim.errors import Unavailable
from gim.log.logger import Logger
from gim.storage.redis.client.channels import Channels
from gim.storage.redis.client.endpoints import endpoint
from gim.storage.redis.client.handshake import Handshake
from gim.storage.redis.client.link import BEGIN, RECONNECT, REPLY_TIMEOUT, Link
from gim.storage.redis.client.protocol import RedisProtocol, Word
from gim.storage.redis.client.reply_budget import ReplyBudget
from gim.storage.redis.client.script import Script
from gim.storage.redis.client.subscriber import Subscriber
from gim.storage.redis.client.topology import Slots, ask_for_slots
from gim.storage.redis.client.url import Address, Target

TOPOLOGY_INTERVAL = 5.0  # seconds between two reads of the topology while all is well
MAX_SUBSCRIBING = 1000  # SSUBSCRIBE commands at a time: one for each channel, as each has its own slot
REDIRECT_TIMEOUT = 0.5  # seconds that a call follows a slot that moves
REDIRECT_PAUSE = 0.02  # seconds until the next attempt

_Attempt = Callable[[Link], Awaitable[Any]]


class Cluster:
    """Implements `gim.storage.redis.client.interface.Redis` with one link to each master.

    It reads the topology every few seconds, and at once when a link is lost or a slot has moved. It
    subscribes to a channel on the server of its slot, and again when the slot moves.
    """

    is_cluster = True
    publish = "SPUBLISH"
    _log = Logger()

    def __init__(
        self, target: Target, handshake: Handshake, subscriber: Subscriber, reactor: Any
    ) -> None:
        self._target = target
        self._handshake = handshake
        self._subscriber = subscriber
        self._reactor = reactor
        self._slots = Slots([])
        self._links: dict[Address, Link] = {}
        self._channels = Channels()
        self._loop: Deferred[None] | None = None
        self._pause: Deferred[None] | None = None  # between two reads of the topology
        self._read_again = False
        self._is_stopped = False

    def start(self) -> None:
        self._loop = Deferred.fromCoroutine(self._follow_topology())
        self._loop.addErrback(self._ended)

    def _ended(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            self._log.failure("the topology of the cluster is not read any more", failure)

    def stop(self) -> None:
        self._is_stopped = True
        if self._loop is not None:
            self._loop.cancel()
        for link in self._links.values():
            link.stopService()

    # the topology

    async def _follow_topology(self) -> None:
        failures = 0
        while True:
            try:
                await self._read_topology()
                failures = 0
            except CancelledError:
                raise
            except Exception as error:
                if self._is_stopped:  # a stop ends what is awaited, not only with a `CancelledError`
                    return
                failures += 1
                self._log.info("can't read the topology of the cluster: {error}", error=error)
            is_healthy = self._slots.is_whole and all(link.is_up for link in self._links.values())
            pause = TOPOLOGY_INTERVAL if is_healthy else RECONNECT.pause(max(failures, 3))
            if self._read_again:
                pause, self._read_again = RECONNECT.shortest, False
            self._pause = Deferred()
            waking = self._reactor.callLater(pause, self._read_topology_soon)
            try:
                await self._pause
            finally:
                if waking.active():
                    waking.cancel()

    def _read_topology_soon(self) -> None:
        """End the pause before the next read; after a read that is under way another one follows."""
        waiting, self._pause = self._pause, None
        if waiting is not None:
            waiting.callback(None)
        else:
            self._read_again = True

    async def _read_topology(self) -> None:
        up = [address for address, link in self._links.items() if link.is_up]
        known = dict.fromkeys([*up, *self._links, *self._target.addresses])
        slots = await ask_for_slots(list(known), self._target, self._reactor)
        if slots.ranges != self._slots.ranges:
            self._change(slots)

    def _change(self, slots: Slots) -> None:
        """Keep a link to each master and to no other server; subscribe where the channels are now."""
        for address in self._links.keys() - slots.masters:
            self._links.pop(address).stopService()
        for address in slots.masters - self._links.keys():
            server = endpoint(self._reactor, address, self._target.tls)
            link = Link(str(address), server, self, self._subscriber, self._reactor)
            self._links[address] = link
            link.startService()
        self._slots = slots  # last: where a TLS file can't be read, the next round tries again
        for link in self._links.values():
            self.link_up(link)

    # see `gim.storage.redis.client.link.LinkOwner`

    async def prepare(self, link: Link, connection: RedisProtocol) -> None:
        await self._handshake.perform(connection, self._subscriber.scripts)
        if self._owner(self._subscriber.data_base) is link:
            await self._subscriber.open(connection)

    def link_up(self, link: Link) -> None:
        subscribing = Deferred.fromCoroutine(self._subscribe_again(link))
        subscribing.addErrback(self._subscribing_failed, link)

    def link_down(self, link: Link) -> None:
        self._subscriber.lost(self._channels.take_lost())
        self._read_topology_soon()

    async def _subscribe_again(self, link: Link) -> None:
        """Subscribe to the channels that belong to this link and are not subscribed on its connection."""
        connection = link.connection
        if connection is None:
            return
        bases = [base for base in self._subscriber.bases() if self._belongs(base, link)]
        bases = [base for base in bases if not self._channels.is_on(base, connection)]
        self._subscriber.lost(bases)
        for start in range(0, len(bases), MAX_SUBSCRIBING):
            some = bases[start : start + MAX_SUBSCRIBING]
            await gather(connection.subscribe("SSUBSCRIBE", base) for base in some)
            for base in some:
                self._channels.confirmed(base, connection)
        self._subscriber.connected()

    def _subscribing_failed(self, failure: Failure, link: Link) -> None:
        """Read the topology again: a slot has moved, or the connection is lost."""
        if failure.check(Unavailable, ReplyError) is None:
            self._log.failure("subscribing again failed", failure)
        self._read_topology_soon()
        link.drop()

    def _belongs(self, base: str, link: Link) -> bool:
        address = self._slots.master_of(base)
        return address is not None and self._links.get(address) is link

    # see `gim.storage.redis.client.interface.Redis`

    async def run(self, script: Script, bases: tuple[str, ...], *words: Word) -> Any:
        """Run a script, without following ASK: it uses several keys, and while their slot moves both
        servers may hold some of them. So it waits until the slot has moved."""
        return await self._follow(
            bases[0], lambda link: link.run(script, bases, *words), follow_ask=False
        )

    async def call(self, base: str, *words: Word) -> Any:
        return await self._follow(base, lambda link: link.command(*words))

    async def _follow(self, base: str, attempt: _Attempt, follow_ask: bool = True) -> Any:
        """Call the master of *base*, and follow redirections: a server that redirects has done nothing.

        With *follow_ask* this includes ASK, to the server that a slot moves to: it has some of the keys.
        """
        link, end = self._owner(base), self._reactor.seconds() + REDIRECT_TIMEOUT
        is_retry = False
        while True:
            try:
                return await attempt(link)
            except ReplyError as error:
                refusal = error
            if self._reactor.seconds() > end:
                raise Unavailable("the storage is moving its data: try again in a moment")
            if is_retry:
                await deferLater(self._reactor, REDIRECT_PAUSE)
            is_retry = True
            is_moving = not follow_ask and str(refusal).startswith("ASK ")
            link = self._owner(base) if is_moving else self._redirected(base, link, refusal)

    def _redirected(self, base: str, asked: Link, error: ReplyError) -> Link:
        """Return the link to the server that a MOVED or ASK names, or raise."""
        kind, _, place = str(error).partition(" ")
        if kind not in ("MOVED", "ASK"):
            raise asked.explained(error)
        host, _, port = place.partition(" ")[2].rpartition(":")
        address = Address(host, int(port))
        link = self._links.get(address)
        if link is None:
            self._read_topology_soon()
            raise Unavailable("the storage moved its data: try again in a moment")
        if kind == "ASK":  # for the next command only
            link.call("ASKING").addErrback(lambda failure: failure.trap(Unavailable, ReplyError))
        else:
            self._slots.move(base, address)
            self._read_topology_soon()
        return link

    def _owner(self, base: str) -> Link:
        address = self._slots.master_of(base)
        link = self._links.get(address) if address is not None else None
        if link is None:
            raise Unavailable("the storage can't be reached: try again in a moment")
        return link

    def explained(self, base: str, error: ReplyError) -> Exception:
        return self._owner(base).explained(error)

    def replies(self, base: str) -> ReplyBudget:
        return self._owner(base).replies

    def deadline(self, base: str, seconds: float = REPLY_TIMEOUT) -> int:
        return self._owner(base).deadline(seconds)

    async def scan(self, cursor: str, pattern: str, count: int) -> tuple[list[bytes], str]:
        """Scan one master after the other, in order of their addresses, which a cursor begins with."""
        if not self._slots.is_whole:
            raise Unavailable("a part of the storage can't be reached")
        place, slash, number = cursor.rpartition("/")
        if cursor and not slash:
            raise ValueError(cursor)
        links = {str(address): link for address, link in self._links.items()}
        if place not in links:  # the begin, or a master that was replaced
            place, number = _next(links, place), BEGIN
        if not place:
            return [], ""
        keys, following = await links[place].scan(number, pattern, count)
        if following == BEGIN:
            place = _next(links, place)
        return keys, f"{place}/{following}" if place else ""

    async def ping(self) -> list[str]:
        if not self._slots.is_whole:
            raise Unavailable("a part of the storage can't be reached")
        return await gather(link.ping() for link in self._links.values())

    async def measure(self, base: str) -> None:
        await self._owner(base).measure()

    async def subscribe(self, base: str) -> None:
        self._channels.want(base)
        await self._follow(base, lambda link: self._subscribe(link, base))

    async def _subscribe(self, link: Link, base: str) -> None:
        await shielded(self._confirmed(link, base))  # it may have to be ended again

    async def _confirmed(self, link: Link, base: str) -> None:
        connection = link.connection
        await link.subscribe("SSUBSCRIBE", base)
        if connection is not None:
            self._channels.confirmed(base, connection)

    def unsubscribe(self, base: str) -> None:
        self._channels.give_up(base)

    def hears(self, base: str) -> bool:
        address = self._slots.master_of(base)
        link = self._links.get(address) if address is not None else None
        return link is not None and self._channels.is_on(base, link.connection)


def _next(places: Iterable[str], place: str) -> str:
    """Return the first place after one, "" after the last."""
    return min((one for one in places if one > place), default="")
