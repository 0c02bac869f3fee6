"""A connection that is kept up."""

from __future__ import annotations

from typing import Any, Protocol, cast

from hiredis import ReplyError
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall, deferLater

from gim.concurrency.backoff import Backoff
from gim.errors import Unavailable
from gim.log.logger import Logger
from gim.storage.redis.client.interface import Subscriber
from gim.storage.redis.client.protocol import RedisProtocol, Word
from gim.storage.redis.store.scripts import Script

REPLY_TIMEOUT = 1.5  # seconds: a request is to be answered within 2, with 503 if need be
ON_THE_WAY = 0.5  # seconds from the last moment that a change is made until its reply is given up
CONNECT_TIMEOUT = 2.0  # seconds, the name's resolution included
RECONNECT = Backoff(first=0.1, longest=1.0, shortest=0.05)
PING_EVERY = 1.0  # seconds
LOG_EVERY = 1.0  # seconds between two lines on what is refused

# What a server says that can't serve for now. A link that hears it looks for its server anew.
_GOING = ("READONLY", "LOADING", "MASTERDOWN", "UNBLOCKED", "NOAUTH")
# What it says when it serves but must refuse: memory, disk, too few replicas, a script that does not end,
# another server of the cluster that is away.
_REFUSING = ("OOM", "MISCONF", "NOREPLICAS", "BUSY", "NOPERM", "TRYAGAIN", "CLUSTERDOWN")


class LinkOwner(Protocol):
    """Whom a link belongs to."""

    guests: Subscriber

    async def prepare(self, link: Link, connection: RedisProtocol) -> None:
        """Make a new connection ready to serve."""

    def up(self, link: Link) -> None:
        """Hear that the link serves."""

    def down(self, link: Link) -> None:
        """Hear that it does not any more."""


class Link(Service):
    """One connection to a server, made again by itself with growing, random pauses.

    While it is down every call is `Unavailable` at once: nothing queues up for later. `ClientService`
    would do the same but for a connection that is lost while it is being prepared.
    """

    _log = Logger()

    def __init__(
        self,
        name: str,
        endpoint: IStreamClientEndpoint,
        host: LinkOwner,
        clock: IReactorTime,
        timeout: float = REPLY_TIMEOUT,
    ) -> None:
        """The *host* prepares every new connection; only when it has, the link `is_up`."""
        self.link_name = name
        self._endpoint = endpoint
        self._host = host
        self._clock = clock
        self._timeout = timeout
        self._up: RedisProtocol | None = None
        self._lost: Deferred[None] | None = None
        self._loop: Deferred[None] | None = None
        self._complaint = ""
        self._refused_at = -LOG_EVERY
        self._ahead = 0.0  # seconds that the server's clock is ahead of ours, at least
        self._pings = LoopingCall(self._ping)
        self._pings.clock = clock

    @property
    def is_up(self) -> bool:
        return self._up is not None

    @property
    def connection(self) -> RedisProtocol | None:
        """The connection that serves now."""
        return self._up

    def startService(self) -> None:
        super().startService()
        self._loop = Deferred.fromCoroutine(self._run())
        self._loop.addErrback(lambda failure: failure.trap(CancelledError))

    def stopService(self) -> None:
        super().stopService()
        if self._loop is not None:
            self._loop.cancel()
        if self._up is not None:
            self._up.abort()

    def call(self, *words: Word) -> Deferred[Any]:
        """Send a command; see `RedisProtocol.call`."""
        return self._connection().call(*words)

    def subscribe(self, command: str, *channels: str) -> Deferred[Any]:
        """Send SUBSCRIBE or one of its kin; see `RedisProtocol.subscribe`."""
        return self._connection().subscribe(command, *channels)

    async def command(self, *words: Word) -> Any:
        """Send a command; raises as `run`."""
        try:
            return await self.call(*words)
        except ReplyError as error:
            raise self.explained(error) from error

    async def run(self, script: Script, bases: tuple[str, ...], *words: Word) -> Any:
        """Run a script on keys of this server; raises `Unavailable`, or `ReplyError` for a bug in it."""
        connection = self._connection()
        try:
            return await connection.call("EVALSHA", script.sha, len(bases), *bases, *words)
        except ReplyError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise self.explained(error) from error
        try:  # the server forgot it, and so did nothing
            return await connection.call("EVAL", script.source, len(bases), *bases, *words)
        except ReplyError as error:
            raise self.explained(error) from error

    def explained(self, error: ReplyError) -> Exception:
        """Return what a refusal of the server means to those who asked."""
        text = str(error)
        if text.startswith(_GOING):
            self.drop()
        elif not text.startswith(_REFUSING):
            return error
        if (now := self._clock.seconds()) - self._refused_at >= LOG_EVERY:
            self._refused_at = now
            self._log.warn("Redis {name} refused: {text}", name=self.link_name, text=text)
        return Unavailable("the storage refused for now, nothing was done: try again in a moment")

    def drop(self) -> None:
        """End the connection, to make another."""
        if self._up is not None:
            self._up.abort()

    def _connection(self) -> RedisProtocol:
        if self._up is None:
            raise Unavailable("the storage can't be reached: try again in a moment")
        return self._up

    # the server's clock

    def deadline(self) -> int:
        """Return the server's time in ms after which what is sent now must not be done any more.

        That is before it is given up by as much as a reply may take on a busy machine: what a slow server
        does at the last moment is still acknowledged. And a server that was frozen reads what it was sent
        by connections that are gone: its time is over then, as silence is borne longer than that.
        """
        return int((self._connection().given_up_at() - ON_THE_WAY + self._ahead) * 1000)

    async def measure(self) -> None:
        """Compare the clocks. What the server says is past when it arrives, so this errs on the side of
        earlier deadlines."""
        self._compare(await self.command("TIME"))

    def _compare(self, time: list[bytes]) -> None:
        seconds, micros = time
        self._ahead = int(seconds) + int(micros) / 1e6 - self._clock.seconds()

    async def _ping(self) -> None:
        """Look at the clock every second; a server that does not answer is noticed by that."""
        try:
            await self.measure()
        except (Unavailable, ReplyError) as error:
            self._complain(error)

    # keeping it up

    async def _run(self) -> None:
        failures = 0
        while self.running:
            try:
                connection = await self._connect()
            except CancelledError:
                raise
            except Exception as error:
                failures += 1
                self._complain(error)
            else:
                failures, self._complaint = 0, ""
                await self._until_lost(connection)
            await deferLater(self._clock, RECONNECT.pause(failures))

    async def _connect(self) -> RedisProtocol:
        ears = _Ears(self)
        factory = Factory.forProtocol(lambda: RedisProtocol(self._clock, ears, self._timeout))
        factory.noisy = False
        connecting = self._endpoint.connect(factory).addTimeout(CONNECT_TIMEOUT, self._clock)
        connection = cast(RedisProtocol, await connecting)
        try:
            await self._host.prepare(self, connection)
            self._compare(await connection.call("TIME"))
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _until_lost(self, connection: RedisProtocol) -> None:
        self._up, self._lost = connection, Deferred()
        self._log.info("connected to Redis {name}", name=self.link_name)
        if connection.is_lost:
            self._went(connection)
        else:
            self._pings.start(PING_EVERY, now=False)
            self._host.up(self)
        await self._lost
        self._log.warn("lost Redis {name}, connecting again", name=self.link_name)

    def _went(self, connection: RedisProtocol) -> None:
        if self._up is connection and self._lost is not None:
            self._up = None
            if self._pings.running:
                self._pings.stop()
            self._host.down(self)
            self._lost.callback(None)

    def _complain(self, error: Exception) -> None:
        """Log why there is no connection, once for each reason."""
        if (complaint := f"{type(error).__name__}: {error}") != self._complaint:
            self._complaint = complaint
            self._log.warn("no Redis {name}: {why}", name=self.link_name, why=complaint)


class _Ears:
    """Hands on what a connection hears, and its end to the link."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.published = link._host.guests.published
        self.dropped = link._host.guests.dropped

    def lost(self, connection: RedisProtocol) -> None:
        self._link._went(connection)
