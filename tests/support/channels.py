"""Two channels that are connected in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from gim.link.channel import Channel

End = TypeVar("End", bound="MemoryEnd")


class MemoryEnd:
    """The transport of one end. What is written is at the other end at once, until `is_stuck`."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.other: MemoryEnd
        self.writes: list[bytes] = []  # that the other side has read
        self.stuck: list[bytes] = []
        self.is_stuck = False  # the other side does not read
        self.is_open = True

    @property
    def connected(self) -> bool:
        return self.is_open

    def write(self, data: bytes) -> None:
        if self.is_stuck and self.is_open:
            self.stuck.append(data)
            self.channel.pauseProducing()
        elif self.is_open and data:
            self.writes.append(data)
            self.other.channel.dataReceived(data)

    def unstick(self) -> None:
        """Let the other side read again."""
        self.is_stuck = False
        while self.stuck:
            self.write(self.stuck.pop(0))
        self.channel.resumeProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming

    def unregisterProducer(self) -> None:
        pass

    def loseConnection(self) -> None:
        self._lose(ConnectionDone())

    def abortConnection(self) -> None:
        self._lose(ConnectionAborted())

    def _lose(self, reason: Exception) -> None:
        for end in (self, self.other):
            if end.is_open:
                end.is_open = False
                end.channel.connectionLost(Failure(reason))


def connect(one: Channel, other: Channel, kind: type[End] = MemoryEnd) -> tuple[End, End]:  # type: ignore[assignment]
    """Connect two channels; return their transports."""
    ends = kind(one), kind(other)
    ends[0].other, ends[1].other = ends[1], ends[0]
    for end in ends:
        end.channel.makeConnection(end)
    return ends


class EagerClock(Clock):
    """A clock on which calls for the next iteration come as soon as the one under way has ended.

    Channels on it answer a question before `Channel.ask` returns, so no test has to move the clock.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_running = False

    def callLater(
        self, delay: float, callable: Callable[..., object], *args: object, **kw: object
    ) -> IDelayedCall:
        call = super().callLater(delay, callable, *args, **kw)
        if delay == 0 and not self._is_running:
            self._is_running = True
            try:
                while any(waiting.getTime() <= self.seconds() for waiting in self.getDelayedCalls()):
                    self.advance(0)
            finally:
                self._is_running = False
        return call
