"""A Redis Cluster: the servers that hold the slots, and what is sent to which."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from hiredis import ReplyError
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from gim.errors import Unavailable
from gim.gathering import gather
from gim.logs import Logger
from gim.storage.redis.endpoints import endpoint
from gim.storage.redis.greeting import Greeting
from gim.storage.redis.link import Link, pause
from gim.storage.redis.protocol import RedisProtocol, Word
from gim.storage.redis.scripts import Script
from gim.storage.redis.seam import Guests
from gim.storage.redis.topology import Slots, ask_for_slots
from gim.storage.redis.url import Address, Target

LOOK_EVERY = 5.0  # seconds between two looks at the topology when nothing happens
MOVES = 3  # how often a call follows a slot that moves

_Attempt = Callable[[Link], Awaitable[Any]]


class Cluster:
    """Implements `gim.storage.redis.seam.Redis` with one link to each master.

    The topology is looked at every few seconds, and at once when a link goes or a slot has moved. A
    channel is subscribed to where its slot is, and again where the slot goes.
    """

    is_cluster = True
    _log = Logger()

    def __init__(self, target: Target, greeting: Greeting, guests: Guests, reactor: Any) -> None:
        self._target = target
        self._greeting = greeting
        self.guests = guests
        self._reactor = reactor
        self._slots = Slots([])
        self._links: dict[Address, Link] = {}
        self._heard_on: dict[str, RedisProtocol] = {}  # channels, and the connections subscribed to them
        self._loop: Deferred[None] | None = None
        self._pause: Deferred[None] | None = None

    def start(self) -> None:
        self._loop = Deferred.fromCoroutine(self._watch_topology())
        self._loop.addErrback(self._ended)

    def _ended(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            self._log.failure("the cluster is watched no more", failure)

    def stop(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
        for link in self._links.values():
            link.stopService()

    # the topology

    async def _watch_topology(self) -> None:
        failures = 0
        while True:
            try:
                await self._look()
                failures = 0
            except Unavailable as error:
                failures += 1
                self._log.info("the topology of the cluster is not known: {error}", error=error)
            is_well = self._slots.is_whole and all(link.is_up for link in self._links.values())
            self._pause = Deferred()
            waking = self._reactor.callLater(
                LOOK_EVERY if is_well else pause(max(failures, 3)), self._look_soon
            )
            try:
                await self._pause
            finally:
                if waking.active():
                    waking.cancel()

    def _look_soon(self) -> None:
        """End the pause between two looks."""
        waiting, self._pause = self._pause, None
        if waiting is not None:
            waiting.callback(None)

    async def _look(self) -> None:
        known = dict.fromkeys([*self._links, *self._target.addresses])
        slots = await ask_for_slots(list(known), self._target, self._reactor)
        if slots.ranges != self._slots.ranges:
            self._change(slots)

    def _change(self, slots: Slots) -> None:
        """Have a link to each master and to no other server, and listen where the channels are now."""
        self._slots = slots
        for address in self._links.keys() - slots.masters:
            self._links.pop(address).stopService()
        for address in slots.masters - self._links.keys():
            way = endpoint(self._reactor, address, self._target.tls)
            link = self._links[address] = Link(str(address), way, self, self._reactor)
            link.startService()
        for link in self._links.values():
            self.up(link)

    # see `gim.storage.redis.link.Host`

    async def prepare(self, link: Link, connection: RedisProtocol) -> None:
        await self._greeting.greet(connection)
        if self._owner(self.guests.data_base) is link:
            await self.guests.open(connection)

    def up(self, link: Link) -> None:
        Deferred.fromCoroutine(self._listen(link)).addErrback(self._deaf, link)

    def down(self, link: Link) -> None:
        lost = [base for base, on in self._heard_on.items() if on.is_lost]
        for base in lost:
            del self._heard_on[base]
        self.guests.lost(lost)
        self._look_soon()

    async def _listen(self, link: Link) -> None:
        """Subscribe to the channels that belong to this link and are not heard on its connection."""
        connection = link.connection
        if connection is None:
            return
        bases = [base for base in self.guests.bases() if self._belongs(base, link)]
        bases = [base for base in bases if self._heard_on.get(base) is not connection]
        self.guests.lost(bases)
        await gather(connection.subscribe("SSUBSCRIBE", base) for base in bases)
        self._heard_on.update(dict.fromkeys(bases, connection))
        self.guests.connected()

    def _deaf(self, failure: Failure, link: Link) -> None:
        """Look at the topology again: a slot has moved, or the connection is gone."""
        if failure.check(Unavailable, ReplyError) is None:
            self._log.failure("subscribing again failed", failure)
        self._look_soon()
        link.drop()

    def _belongs(self, base: str, link: Link) -> bool:
        address = self._slots.master_of(base)
        return address is not None and self._links.get(address) is link

    # see `gim.storage.redis.seam.Redis`

    async def run(self, script: Script, bases: tuple[str, ...], *words: Word) -> Any:
        return await self._follow(bases[0], lambda link: link.run(script, bases, *words))

    async def call(self, base: str, *words: Word) -> Any:
        return await self._follow(base, lambda link: link.command(*words))

    async def _follow(self, base: str, attempt: _Attempt) -> Any:
        """Ask the server that holds *base*, or who it says does: it did nothing then."""
        link = self._owner(base)
        for _ in range(MOVES):
            try:
                return await attempt(link)
            except ReplyError as error:
                link = await self._referred(base, error)
        raise Unavailable("the storage moves its data: try again in a moment")

    async def _referred(self, base: str, error: ReplyError) -> Link:
        """Return the link to whom a refusal points, or raise."""
        kind, _, place = str(error).partition(" ")
        if kind not in ("MOVED", "ASK"):
            raise error
        host, _, port = place.partition(" ")[2].rpartition(":")
        address = Address(host, int(port))
        link = self._links.get(address)
        if link is None:
            self._look_soon()
            raise Unavailable("the storage moved its data: try again in a moment") from error
        if kind == "ASK":  # for the next command only
            link.call("ASKING").addErrback(lambda failure: failure.trap(Unavailable, ReplyError))
        else:
            self._slots.move(base, address)
            self._look_soon()
        return link

    def _owner(self, base: str) -> Link:
        address = self._slots.master_of(base)
        link = self._links.get(address) if address is not None else None
        if link is None:
            raise Unavailable("the storage can't be reached: try again in a moment")
        return link

    def deadline(self, base: str) -> int:
        return self._owner(base).deadline()

    async def ping(self) -> None:
        if not self._slots.is_whole:
            raise Unavailable("a part of the storage can't be reached")
        await gather(link.command("PING") for link in self._links.values())

    async def measure(self, base: str) -> None:
        await self._owner(base).measure()

    async def subscribe(self, base: str) -> None:
        await self._follow(base, lambda link: self._subscribe(link, base))

    async def _subscribe(self, link: Link, base: str) -> None:
        connection = link.connection
        await link.subscribe("SSUBSCRIBE", base)
        if connection is not None:
            self._heard_on[base] = connection

    def unsubscribe(self, base: str) -> None:
        connection = self._heard_on.pop(base, None)
        if connection is not None and not connection.is_lost:
            ended = connection.subscribe("SUNSUBSCRIBE", base)
            ended.addErrback(lambda failure: failure.trap(Unavailable, ReplyError))

    def hears(self, base: str) -> bool:
        address = self._slots.master_of(base)
        link = self._links.get(address) if address is not None else None
        return link is not None and link.is_up and self._heard_on.get(base) is link.connection
