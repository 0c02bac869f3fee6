"""One connection to a Redis server: commands out, replies in, and what the server says unasked."""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

from hiredis import ProtocolError, PushNotification, Reader, ReplyError, pack_command
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure

from gim.errors import Unavailable

Word = bytes | str | int | float

MAX_WAITING = 20_000  # commands without a reply
MAX_WAITING_BYTES = 64 * 2**20  # of these
_NO_CHANNELS: set[bytes] = set()
_MORE = object()  # what the parser says when a reply is not complete


class Audience(Protocol):
    """Whom a connection tells what its server says unasked, and its end."""

    def published(self, channel: bytes, payload: bytes) -> None:
        """Take a message of a channel that is subscribed to."""

    def dropped(self, channel: bytes) -> None:
        """Hear that the server ended a subscription by itself."""

    def lost(self, connection: RedisProtocol) -> None:
        """Hear that the connection is gone."""


class _Waiting:
    """A command without its reply; a subscription waits for a push of its kind for each channel."""

    __slots__ = ("at", "channels", "deferred", "kind", "size")

    def __init__(
        self, deferred: Deferred[Any], at: float, size: int, kind: bytes, channels: set[bytes]
    ) -> None:
        self.deferred = deferred
        self.at = at
        self.size = size
        self.kind = kind
        self.channels = channels

    def is_confirmed_by(self, kind: bytes, channel: bytes) -> bool:
        """Say whether a push is for this command, and not what the server does by itself meanwhile."""
        return self.kind == kind and channel in self.channels


class RedisProtocol(TwistedProtocol):
    """Speaks RESP3, so that subscriptions and commands share a connection and thereby an order: when the
    reply to a command is here, everything published before it ran has been handed over.

    Replies come in the order of the commands, so a command costs an entry in a queue, some 5 us in all.
    The oldest that waits longer than the timeout ends the connection, which is how a frozen server and
    a half-open connection are noticed. Every failure to get a reply is `Unavailable`: whether the
    command was run is not known then, and nothing is sent again from here.
    """

    transport: Any

    def __init__(self, clock: IReactorTime, audience: Audience | None, timeout: float) -> None:
        """*timeout* is in seconds."""
        self._clock = clock
        self._audience = audience
        self._timeout = timeout
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._timer: IDelayedCall | None = None
        self._overdue: _Waiting | None = None  # it has a last turn of the reactor
        self._reader = Reader(notEnoughData=_MORE)
        self.is_lost = False

    def call(self, *words: Word) -> Deferred[Any]:
        """Send a command; the reply comes in the types of hiredis, an error as `hiredis.ReplyError`."""
        return self._send(words, b"", _NO_CHANNELS)

    def subscribe(self, command: str, *channels: str) -> Deferred[Any]:
        """Send SUBSCRIBE or one of its kin; fires when the server has confirmed every channel."""
        names = {channel.encode() for channel in channels}
        return self._send((command, *channels), command.lower().encode(), names)

    def _send(self, words: tuple[Word, ...], kind: bytes, channels: set[bytes]) -> Deferred[Any]:
        if self.is_lost:
            raise Unavailable("the storage can't be reached: try again in a moment")
        packed = pack_command(words)  # type: ignore[arg-type] # its stub does not know of unions
        self._waiting_bytes += len(packed)
        if len(self._waiting) >= MAX_WAITING or self._waiting_bytes > MAX_WAITING_BYTES:
            self._waiting_bytes -= len(packed)
            raise Unavailable("too much waits for the storage: try again in a moment")
        deferred: Deferred[Any] = Deferred()
        self._waiting.append(_Waiting(deferred, self._clock.seconds(), len(packed), kind, channels))
        if self._timer is None:
            self._timer = self._clock.callLater(self._timeout, self._check)
        self.transport.write(packed)
        return deferred

    def given_up_at(self) -> float:
        """Return when a command that is sent now is given up, at the latest: with the oldest that waits,
        since the connection is given up then."""
        begun = self._waiting[0].at if self._waiting else self._clock.seconds()
        return begun + self._timeout

    def dataReceived(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            gets = self._reader.gets
            while (reply := gets()) is not _MORE:
                if type(reply) is PushNotification:
                    self._pushed(reply)
                else:
                    self._answer(reply)
        except ProtocolError:
            self.transport.abortConnection()

    def _answer(self, reply: Any) -> None:
        if not self._waiting:
            return
        waiting = self._waiting.popleft()
        self._waiting_bytes -= waiting.size
        if isinstance(reply, ReplyError):
            waiting.deferred.errback(reply)
        else:
            waiting.deferred.callback(reply)

    def _pushed(self, push: list[Any]) -> None:
        kind = push[0]
        if kind in (b"message", b"smessage"):
            if self._audience is not None:
                self._audience.published(push[1], push[2])
        elif self._waiting and self._waiting[0].is_confirmed_by(kind, push[1]):
            self._waiting[0].channels.discard(push[1])
            if not self._waiting[0].channels:
                self._answer(None)
        elif self._audience is not None and kind in (b"unsubscribe", b"sunsubscribe"):
            self._audience.dropped(push[1])

    def _check(self) -> None:
        """End the connection if its oldest command has waited too long, and its reply is not here.

        After this process was busy or paused, timers are due before what has come meanwhile is read.
        """
        self._timer = None
        if self._waiting:
            oldest = self._waiting[0]
            left = oldest.at + self._timeout - self._clock.seconds()
            if left <= 0 and oldest is self._overdue:
                self.abort()
            else:
                self._overdue = oldest if left <= 0 else None
                self._timer = self._clock.callLater(max(0.0, left), self._check)

    def abort(self) -> None:
        """End the connection at once; whatever waits fails."""
        if not self.is_lost and self.transport is not None:
            self.transport.abortConnection()
            self._end()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._end()

    def _end(self) -> None:
        if self.is_lost:
            return
        self.is_lost = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._audience is not None:
            self._audience.lost(self)
        waiting, self._waiting = self._waiting, deque()
        for command in waiting:
            command.deferred.errback(
                Unavailable("the storage did not answer: it is not known whether this was done")
            )
