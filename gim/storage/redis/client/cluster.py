"""A Redis Cluster: the servers that hold the slots, and what is sent to which."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from hiredis import ReplyError
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from gim.concurrency.gather import gather
from gim.errors import Unavailable
from gim.log.logger import Logger
from gim.storage.redis.client.channels import Channels
from gim.storage.redis.client.endpoints import endpoint
from gim.storage.redis.client.handshake import Handshake
from gim.storage.redis.client.interface import Subscriber
from gim.storage.redis.client.link import RECONNECT, Link
from gim.storage.redis.client.protocol import RedisProtocol, Word
from gim.storage.redis.client.topology import Slots, ask_for_slots
from gim.storage.redis.client.url import Address, Target
from gim.storage.redis.store.scripts import Script

LOOK_EVERY = 5.0  # seconds between two looks at the topology when nothing happens
CHANNELS_AT_A_TIME = 1000  # each is a command of its own, as each may be in another slot
PATIENCE = 0.5  # seconds that a call follows a slot that moves
MOVING_PAUSE = 0.02  # seconds until the same server is asked again

_Attempt = Callable[[Link], Awaitable[Any]]


class Cluster:
    """Implements `gim.storage.redis.client.interface.Redis` with one link to each master.

    The topology is looked at every few seconds, and at once when a link goes or a slot has moved. A
    channel is subscribed to where its slot is, and again where the slot goes.
    """

    is_cluster = True
    publish = "SPUBLISH"
    _log = Logger()

    def __init__(self, target: Target, greeting: Handshake, guests: Subscriber, reactor: Any) -> None:
        self._target = target
        self._greeting = greeting
        self.guests = guests
        self._reactor = reactor
        self._slots = Slots([])
        self._links: dict[Address, Link] = {}
        self._channels = Channels()
        self._loop: Deferred[None] | None = None
        self._pause: Deferred[None] | None = None  # while nothing is looked up
        self._is_asked_again = False

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
            except CancelledError:
                raise
            except Exception as error:
                failures += 1
                self._log.info("the topology of the cluster is not known: {error}", error=error)
            is_well = self._slots.is_whole and all(link.is_up for link in self._links.values())
            rest = LOOK_EVERY if is_well else RECONNECT.pause(max(failures, 3))
            if self._is_asked_again:
                rest, self._is_asked_again = RECONNECT.shortest, False
            self._pause = Deferred()
            waking = self._reactor.callLater(rest, self._look_soon)
            try:
                await self._pause
            finally:
                if waking.active():
                    waking.cancel()

    def _look_soon(self) -> None:
        """End the pause between two looks, or have another one after that which is under way."""
        waiting, self._pause = self._pause, None
        if waiting is not None:
            waiting.callback(None)
        else:
            self._is_asked_again = True

    async def _look(self) -> None:
        well = [address for address, link in self._links.items() if link.is_up]
        known = dict.fromkeys([*well, *self._links, *self._target.addresses])
        slots = await ask_for_slots(list(known), self._target, self._reactor)
        if slots.ranges != self._slots.ranges:
            self._change(slots)

    def _change(self, slots: Slots) -> None:
        """Have a link to each master and to no other server, and listen where the channels are now."""
        for address in self._links.keys() - slots.masters:
            self._links.pop(address).stopService()
        for address in slots.masters - self._links.keys():
            way = endpoint(self._reactor, address, self._target.tls)
            link = self._links[address] = Link(str(address), way, self, self._reactor)
            link.startService()
        self._slots = slots  # not before: a file of TLS that can't be read has this done again
        for link in self._links.values():
            self.up(link)

    # see `gim.storage.redis.client.link.LinkOwner`

    async def prepare(self, link: Link, connection: RedisProtocol) -> None:
        await self._greeting.greet(connection)
        if self._owner(self.guests.data_base) is link:
            await self.guests.open(connection)

    def up(self, link: Link) -> None:
        Deferred.fromCoroutine(self._listen(link)).addErrback(self._deaf, link)

    def down(self, link: Link) -> None:
        self.guests.lost(self._channels.lost())
        self._look_soon()

    async def _listen(self, link: Link) -> None:
        """Subscribe to the channels that belong to this link and are not heard on its connection."""
        connection = link.connection
        if connection is None:
            return
        bases = [base for base in self.guests.bases() if self._belongs(base, link)]
        bases = [base for base in bases if not self._channels.is_on(base, connection)]
        self.guests.lost(bases)
        for start in range(0, len(bases), CHANNELS_AT_A_TIME):
            some = bases[start : start + CHANNELS_AT_A_TIME]
            await gather(connection.subscribe("SSUBSCRIBE", base) for base in some)
            for base in some:
                self._channels.confirmed(base, connection)
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

    # see `gim.storage.redis.client.interface.Redis`

    async def run(self, script: Script, bases: tuple[str, ...], *words: Word) -> Any:
        """A script touches several keys, which may be at both servers while their slot moves, and it
        names none that exists: the answer is ASK then, and nobody runs it until the slot has moved."""
        return await self._follow(bases[0], lambda link: link.run(script, bases, *words), asks=False)

    async def call(self, base: str, *words: Word) -> Any:
        return await self._follow(base, lambda link: link.command(*words))

    async def _follow(self, base: str, attempt: _Attempt, asks: bool = True) -> Any:
        """Ask the server that holds *base*, or who it says does: it did nothing then.

        With *asks*, one that may already have what another one still holds is asked as well.
        """
        link, end = self._owner(base), self._reactor.seconds() + PATIENCE
        is_again = False
        while True:
            try:
                return await attempt(link)
            except ReplyError as error:
                answer = error
            if self._reactor.seconds() > end:
                raise Unavailable("the storage moves its data: try again in a moment")
            if is_again:
                await deferLater(self._reactor, MOVING_PAUSE)
            is_again = True
            is_moving = not asks and str(answer).startswith("ASK ")
            link = self._owner(base) if is_moving else self._referred(base, link, answer)

    def _referred(self, base: str, asked: Link, error: ReplyError) -> Link:
        """Return the link to whom a refusal points, or raise."""
        kind, _, place = str(error).partition(" ")
        if kind not in ("MOVED", "ASK"):
            raise asked.explained(error)
        host, _, port = place.partition(" ")[2].rpartition(":")
        address = Address(host, int(port))
        link = self._links.get(address)
        if link is None:
            self._look_soon()
            raise Unavailable("the storage moved its data: try again in a moment")
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
        self._channels.want(base)
        await self._follow(base, lambda link: self._subscribe(link, base))

    async def _subscribe(self, link: Link, base: str) -> None:
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
