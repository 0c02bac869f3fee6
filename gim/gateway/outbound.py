"""What goes out to one connection, and backpressure when its reader is slow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.interfaces import IPullProducer
from zope.interface import implementer

from gim.gateway import closing
from gim.gateway.closing import Closure
from gim.gateway.frames import frame
from gim.gateway.transport import WritesAtOnce, buffer_of
from gim.gateway.write_batch import WriteBatch
from gim.log.logger import Logger
from gim.model import Event, Push
from gim.push.presence import NO_DESCRIPTOR, Drained
from gim.wire.packets import Codec

MAX_CORKED = 16 * 1024  # bytes that wait for the end of an iteration of the reactor
CLOSE_FACTOR = 4  # times `max_unsent`: with more unsent bytes the connection is closed
_UNLIMITED = 2**62  # bytes


@implementer(IPullProducer)
class OutboundQueue:
    """Writes frames to a connection. To the chat it is the connection: `gim.push.presence.Connection`.

    With more than *max_unsent* unsent bytes the connection is congested and gets no chatroom pushes; with
    more than `CLOSE_FACTOR` times as many *close_with* is called. Data written by `write_while_drained`
    does not count: that has flow control of its own.
    """

    _log = Logger()

    __slots__ = (
        "_batch",
        "_buffer",
        "_close_with",
        "_codec",
        "_corked",
        "_max_unsent",
        "_source",
        "_transport",
        "_uncounted",
        "_waiting",
        "_write",
        "descriptor",
        "key",
        "kind",
    )

    def __init__(
        self,
        key: str,
        codec: Codec,
        transport: Any,
        batch: WriteBatch,
        max_unsent: int,
        close_with: Callable[[Closure], None],
    ) -> None:
        self.key = key
        self._codec = codec
        self.kind = codec.name
        self._transport = transport
        self._buffer = buffer_of(transport)
        self._batch = batch
        self._corked = b""  # frames that wait for the end of the iteration
        self._max_unsent = max_unsent
        self._close_with = close_with
        self._uncounted = 0  # unsent bytes that `write_while_drained` has written
        self._source: Callable[[], bool] | None = None
        self._waiting: dict[Drained, None] | None = None
        self._write: Callable[[bytes], None] = transport.write
        self.descriptor = NO_DESCRIPTOR
        self._send_directly(True)

    def _send_directly(self, may: bool) -> None:
        """Let pushes go to the socket while the transport is free; or let all go through `_write`.

        A transport of another class is a layer such as TLS, which has no socket.
        """
        if isinstance(self._transport, WritesAtOnce):
            self._transport.follower = self if may else None
            self.descriptor = NO_DESCRIPTOR
            if may:
                self.free_changed()

    def free_changed(self) -> None:
        """See `gim.gateway.transport.Follower`."""
        self.descriptor = self._transport.fileno() if self._transport.free else NO_DESCRIPTOR

    def close(self) -> None:
        """Write nothing any more: a close frame is on its way, or the connection is gone."""
        self._corked = b""
        self._write = self._drop
        self._send_directly(False)
        self._close_with = self._ignore  # it refers to the connection, which is to be freed at once
        self._source = None
        self._waiting = None
        self._buffer.when_drained = None

    def watch(self, seen: Callable[[bytes], None]) -> None:
        """Call *seen* with the bytes of each write, which are whole frames, just before it."""
        if self._write is not self._drop:
            self._write = partial(self._write_watched, seen)
            self._send_directly(False)

    def unwatch(self) -> None:
        """End what `watch` began."""
        if self._write is not self._drop:
            self._write = self._transport.write
            self._send_directly(True)

    def _write_watched(self, seen: Callable[[bytes], None], frames: bytes) -> None:
        seen(frames)
        self._transport.write(frames)

    @property
    def peer(self) -> str:
        address = self._transport.getPeer()
        return f"{address.host}:{address.port}" if hasattr(address, "port") else "unix"

    def expel(self) -> None:
        self._close_with(closing.DISCONNECTED)

    def send(self, payload: bytes) -> bool:
        """Write one message; return whether another one may follow at once."""
        self._cork(frame(payload, self._codec.is_binary))
        return self._buffer.free or not self.is_congested()

    def deliver(self, push: Push | Event) -> None:
        try:
            self._cork(push.__dict__.get(self.kind) or self._frame(push))
        except Exception:
            self._log.failure("a push could not be written")

    def offer(self, push: Push) -> bool:
        if not self._buffer.free and self.is_congested():
            return False
        try:
            if self._corked:
                self.flush()
            self._write(push.__dict__.get(self.kind) or self._frame(push))
        except Exception:
            self._log.failure("a push could not be written")
        return True

    def frame_of(self, push: Push) -> bytes:
        frame: bytes | None = push.__dict__.get(self.kind)
        return frame or self._frame(push)

    def send_later(self, rest: bytes) -> None:
        try:
            self._transport.write_later(rest)
        except Exception:
            self._log.failure("a push could not be written")

    def _cork(self, frame: bytes) -> None:
        if corked := self._corked:
            self._corked = corked + frame
            if len(corked) + len(frame) > MAX_CORKED:
                self.flush()
        else:
            self._corked = frame
            if len(frame) > MAX_CORKED or self._source is not None:
                self.flush()
            else:
                self._batch.add(self)

    def flush(self) -> None:
        """Write at once the frames that wait for the end of the iteration."""
        if corked := self._corked:
            self._corked = b""
            self._write(corked)
            if not self._buffer.free:
                self.check_backlog(0)

    def _frame(self, push: Push | Event) -> bytes:
        """Return a push as a frame, encoded once for all connections with this codec."""
        codec = self._codec
        encoded = push.__dict__[codec.name] = frame(codec.encode_push(push), codec.is_binary)
        return encoded

    @property
    def unsent(self) -> int:
        """The number of bytes that wait for the reader."""
        return 0 if self._buffer.free else self._buffer.unsent

    def is_congested(self) -> bool:
        """Return whether too many bytes wait for the reader."""
        return self._buffer.unsent - self._uncounted > self._max_unsent

    def check_backlog(self, extra: int) -> None:
        if self._buffer.unsent + extra - self._uncounted > CLOSE_FACTOR * self._max_unsent:
            self._close_with(closing.READER_TOO_SLOW)

    def when_drained(self, waiting: Drained) -> None:
        if self._waiting is None:
            self._waiting = {}
        self._waiting[waiting] = None
        self._buffer.when_drained = self._drained

    def _drained(self) -> None:
        self._uncounted = 0
        waiting, self._waiting = self._waiting or {}, None
        for each in waiting:
            each.drained(self)

    def write_while_drained(self, source: Callable[[], bool]) -> None:
        if self._write is self._drop:  # what the source writes would be lost
            return
        self.flush()
        is_new, self._source = self._source is None, source
        if is_new:  # otherwise it replaces the source of a login that has ended meanwhile
            self._transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """See `IPullProducer`."""
        self._uncounted = _UNLIMITED
        has_more = self._source is not None and self._source()
        self._uncounted = self._buffer.unsent
        if not has_more:
            self._source = None
            self._transport.unregisterProducer()

    def stopProducing(self) -> None:
        """See `IPullProducer`."""
        self._source = None

    @staticmethod
    def _drop(data: bytes) -> None:
        pass

    @staticmethod
    def _ignore(closure: Closure) -> None:
        pass
