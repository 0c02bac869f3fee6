"""A connection that is kept up."""

from __future__ import annotations

from typing import Any, Protocol, cast

from hiredis import ReplyError
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

from gim.concurrency.backoff import Backoff
from gim.concurrency.gather import gather
from gim.concurrency.periodic import Periodic
from gim.errors import Unavailable
from gim.log.logger import Logger
from gim.storage.redis.client.eviction import QUESTION, policy_in
from gim.storage.redis.client.former import FormerConnections
from gim.storage.redis.client.protocol import RedisProtocol, Word
from gim.storage.redis.client.reply_budget import ReplyBudget
from gim.storage.redis.client.script import Script
from gim.storage.redis.client.subscriber import Subscriber

REPLY_TIMEOUT = 1.5  # seconds: a request is to be answered within 2, with 503 if need be
REPLY_ALLOWANCE = 0.5  # seconds before the timeout after which a command must not begin to run
CONNECT_TIMEOUT = 2.0  # seconds, the name's resolution included
RECONNECT = Backoff(first=0.1, longest=1.0, shortest=0.05)
PING_INTERVAL = 1.0  # seconds
BEGIN = "0"  # a cursor of SCAN
MAX_CURSOR = 2**64  # of SCAN; Redis refuses a larger one
REFUSAL_LOG_INTERVAL = 1.0  # seconds between two log lines on refused commands

# Errors of a server that can't serve for now: the link then connects again, to the master of that time.
_UNUSABLE = ("READONLY", "LOADING", "MASTERDOWN", "UNBLOCKED", "NOAUTH")
# Errors of a server that serves but has to refuse: memory, disk, too few replicas, a script that does not
# end, a server of the cluster that is away.
_REFUSING = ("OOM", "MISCONF", "NOREPLICAS", "BUSY", "NOPERM", "TRYAGAIN", "CLUSTERDOWN")


class LinkOwner(Protocol):
    """Prepares the connections of a link, and follows its state."""

    async def prepare(self, link: Link, connection: RedisProtocol) -> None:
        """Make a new connection ready to serve."""

    def link_up(self, link: Link) -> None:
        """Called when the link serves."""

    def link_down(self, link: Link) -> None:
        """Called when the link has lost its connection."""


class Link(Service):
    """One connection to a server, made again with growing, random pauses whenever it is lost.

    While the link is down every call is `Unavailable` at once: nothing queues up for later.
    `ClientService` does the same, except for a connection that is lost while it is being prepared.
    """

    _log = Logger()

    def __init__(
        self,
        name: str,
        endpoint: IStreamClientEndpoint,
        owner: LinkOwner,
        subscriber: Subscriber,
        clock: IReactorTime,
        timeout: float = REPLY_TIMEOUT,
    ) -> None:
        """The *owner* prepares every new connection; the link `is_up` after that. The *subscriber* gets
        the messages of its channels."""
        self.link_name = name
        self._endpoint = endpoint
        self._owner = owner
        self._subscriber = subscriber
        self._clock = clock
        self._timeout = timeout
        self.replies = ReplyBudget()
        self._former = FormerConnections()
        self._up: RedisProtocol | None = None
        self._lost: Deferred[None] | None = None
        self._loop: Deferred[None] | None = None
        self._complaint = ""
        self._refused_at = -REFUSAL_LOG_INTERVAL
        self._ahead = 0.0  # seconds that the server's clock is ahead of ours, at least
        self._pings = Periodic(self._ping, PING_INTERVAL, clock)
        self._pings.setName(f"ping of Redis {name}")

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
        """Send SUBSCRIBE or a similar command; see `RedisProtocol.subscribe`."""
        return self._connection().subscribe(command, *channels)

    async def command(self, *words: Word) -> Any:
        """Send a command; raises `Unavailable`, or `ReplyError` for a command that is wrong."""
        try:
            return await self.call(*words)
        except ReplyError as error:
            raise self.explained(error) from error

    async def scan(self, cursor: str, pattern: str, count: int) -> tuple[list[bytes], str]:
        """Return some keys of this server, and the next cursor: `BEGIN` is also the end.

        Raises `ValueError` for a cursor that no server gives, else as `command` does.
        """
        if not (cursor.isascii() and cursor.isdigit() and int(cursor) < MAX_CURSOR):
            raise ValueError(cursor)
        following, keys = await self.command("SCAN", cursor, "MATCH", pattern, "COUNT", count)
        return keys, following.decode()

    async def ping(self) -> str:
        """Return the server's maxmemory-policy once it has answered; raises as `command` does."""
        _, info = await gather([self.command("PING"), self.command(*QUESTION)])
        return policy_in(info)

    async def run(self, script: Script, bases: tuple[str, ...], *words: Word) -> Any:
        """Run a script on keys of this server; raises `Unavailable`, or `ReplyError` for a bug in it."""
        connection = self._connection()
        try:
            return await connection.call("EVALSHA", script.sha, len(bases), *bases, *words)
        except ReplyError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise self.explained(error) from error
        try:  # the server has lost the script, so it has run nothing
            return await connection.call("EVAL", script.source, len(bases), *bases, *words)
        except ReplyError as error:
            raise self.explained(error) from error

    def explained(self, error: ReplyError) -> Exception:
        """Return `Unavailable` for an error that will pass, and *error* itself for a bug."""
        text = str(error)
        if text.startswith(_UNUSABLE):
            self.drop()
        elif not text.startswith(_REFUSING):
            return error
        if (now := self._clock.seconds()) - self._refused_at >= REFUSAL_LOG_INTERVAL:
            self._refused_at = now
            self._log.warn("Redis {name} refused: {text}", name=self.link_name, text=text)
        return Unavailable("the storage refused for now, nothing was done: try again in a moment")

    def drop(self) -> None:
        """End the connection, so that the link makes another."""
        if self._up is not None:
            self._up.abort()

    def _connection(self) -> RedisProtocol:
        if self._up is None:
            raise Unavailable("the storage can't be reached: try again in a moment")
        return self._up

    # the server's clock

    def deadline(self, seconds: float = REPLY_TIMEOUT) -> int:
        """Return the server time in ms after which a command sent now must not run.

        That is `REPLY_ALLOWANCE` before we stop waiting, after *seconds* at the latest, so a command run
        at the last moment is still acknowledged. A server that was frozen skips stale commands when it
        wakes: connections time out later than their commands' deadlines.
        """
        end = self._connection().given_up_at()
        if seconds < self._timeout:
            end = min(end, self._clock.seconds() + seconds)
        return int((end - REPLY_ALLOWANCE + self._ahead) * 1000)

    async def measure(self) -> None:
        """Compare the clocks. The server's time is already past when it arrives, so the error is on the
        side of earlier deadlines."""
        self._compare(await self.command("TIME"))

    def _compare(self, time: list[bytes]) -> None:
        seconds, micros = time
        self._ahead = int(seconds) + int(micros) / 1e6 - self._clock.seconds()

    async def _ping(self) -> None:
        """Compare the clocks every second; a server that does not answer loses its connection by that."""
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
                if not self.running:  # a stop ends what is awaited, not only with a `CancelledError`
                    return
                failures += 1
                self._complain(error)
            else:
                failures, self._complaint = 0, ""
                await self._until_lost(connection)
            await deferLater(self._clock, RECONNECT.pause(failures))

    async def _connect(self) -> RedisProtocol:
        factory = Factory.forProtocol(
            lambda: RedisProtocol(self._clock, self._timeout, self._subscriber, self._on_lost)
        )
        factory.noisy = False
        connecting = self._endpoint.connect(factory).addTimeout(CONNECT_TIMEOUT, self._clock)
        connection = cast(RedisProtocol, await connecting)
        try:
            await self._owner.prepare(self, connection)
            await self._former.end(connection)
            self._compare(await connection.call("TIME"))
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _until_lost(self, connection: RedisProtocol) -> None:
        self._up, self._lost = connection, Deferred()
        self._log.info("connected to Redis {name}", name=self.link_name)
        if connection.is_lost:
            self._on_lost(connection)
        else:
            self._pings.startService()
            self._owner.link_up(self)
        await self._lost
        self._log.warn("lost Redis {name}, connecting again", name=self.link_name)

    def _on_lost(self, connection: RedisProtocol) -> None:
        if self._up is connection and self._lost is not None:
            self._up = None
            self._pings.stopService()
            self._owner.link_down(self)
            self._lost.callback(None)

    def _complain(self, error: Exception) -> None:
        """Log why the server can't be reached, once for each reason."""
        if (complaint := f"{type(error).__name__}: {error}") != self._complaint:
            self._complaint = complaint
            self._log.warn("can't reach Redis {name}: {why}", name=self.link_name, why=complaint)
