"""One connection to a Redis server: commands out; replies, and messages of channels, in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from hiredis import ProtocolError, PushNotification, Reader, ReplyError, pack_command
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from gim.errors import Unavailable
from gim.storage.redis.client.subscriber import Subscriber

Word = bytes | str | int | float

MAX_WAITING = 20_000  # commands that wait for a reply
MAX_WAITING_BYTES = 64 * 2**20  # their size
_NO_CHANNELS: set[bytes] = set()
_MORE = object()  # what the parser returns while a reply is incomplete


class _Waiting:
    """A command that waits for its reply, or a subscription for a push of its kind for each channel."""

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
        """Return whether a push confirms this command; a server also ends subscriptions by itself."""
        return self.kind == kind and channel in self.channels


class RedisProtocol(Protocol):
    """Speaks RESP3, so that subscriptions and commands share a connection and thereby an order: when the
    reply to a command arrives, everything published before it ran has been handed over.

    Replies come in the order of the commands, so a command costs an entry in a queue, some 5 us in all.
    When the oldest command waits longer than the timeout, the connection ends: this detects frozen
    servers and half-open connections. A command without a reply fails with `Unavailable`. It may have
    run or not; this class never sends a command twice.
    """

    transport: Any

    def __init__(
        self,
        clock: IReactorTime,
        timeout: float,
        subscriber: Subscriber | None = None,
        on_lost: Callable[[RedisProtocol], None] | None = None,
    ) -> None:
        """*timeout* is in seconds. *on_lost* is called once, before the waiting commands fail."""
        self._clock = clock
        self._timeout = timeout
        self._subscriber = subscriber
        self._on_lost = on_lost
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._timer: IDelayedCall | None = None
        self._overdue: _Waiting | None = None  # it gets one more iteration of the reactor
        self._reader = Reader(notEnoughData=_MORE)
        self.is_lost = False

    def call(self, *words: Word) -> Deferred[Any]:
        """Send a command; fires with the reply in the types of hiredis, fails with its `ReplyError`."""
        return self._send(words, b"", _NO_CHANNELS)

    def subscribe(self, command: str, *channels: str) -> Deferred[Any]:
        """Send SUBSCRIBE, SSUBSCRIBE, UNSUBSCRIBE or SUNSUBSCRIBE; fires when the server has confirmed
        every channel."""
        names = {channel.encode() for channel in channels}
        return self._send((command, *channels), command.lower().encode(), names)

    def _send(self, words: tuple[Word, ...], kind: bytes, channels: set[bytes]) -> Deferred[Any]:
        if self.is_lost:
            raise Unavailable("the storage can't be reached: try again in a moment")
        packed = pack_command(words)  # type: ignore[arg-type] # its stub does not know of unions
        self._waiting_bytes += len(packed)
        if len(self._waiting) >= MAX_WAITING or self._waiting_bytes > MAX_WAITING_BYTES:
            self._waiting_bytes -= len(packed)
            raise Unavailable("too many requests wait for the storage: try again in a moment")
        deferred: Deferred[Any] = Deferred()
        self._waiting.append(_Waiting(deferred, self._clock.seconds(), len(packed), kind, channels))
        if self._timer is None:
            self._timer = self._clock.callLater(self._timeout, self._check)
        self.transport.write(packed)
        return deferred

    def given_up_at(self) -> float:
        """Return the latest time, in seconds of the clock, at which a command sent now times out: when
        the oldest waiting command does, as that ends the connection."""
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
            if self._subscriber is not None:
                self._subscriber.published(push[1], push[2])
        elif self._waiting and self._waiting[0].is_confirmed_by(kind, push[1]):
            self._waiting[0].channels.discard(push[1])
            if not self._waiting[0].channels:
                self._answer(None)
        elif self._subscriber is not None and kind in (b"unsubscribe", b"sunsubscribe"):
            self._subscriber.dropped(push[1])

    def _check(self) -> None:
        """End the connection if its oldest command has waited too long.

        After this process was busy or paused, timers fire before the reactor reads the replies that
        came meanwhile. So an overdue command gets one more iteration of the reactor.
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
        """End the connection at once; waiting commands fail."""
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
        if self._on_lost is not None:
            self._on_lost(self)
        waiting, self._waiting = self._waiting, deque()
        for command in waiting:
            command.deferred.errback(
                Unavailable("the storage did not answer: it is not known whether this was done")
            )
