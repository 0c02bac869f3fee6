"""What goes out to one connection, and what happens when its reader is slow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPullProducer
from zope.interface import implementer

from gim.gateway import close_codes
from gim.gateway.frames import frame
from gim.gateway.transport import buffer_of
from gim.gateway.write_batch import WriteBatch
from gim.log.logger import Logger
from gim.model import Event, Push
from gim.push.presence import Drained
from gim.wire.packets import Codec

MAX_CORKED = 16 * 1024  # bytes that wait for the end of a turn
CLOSE_AT = 4  # times the bound of what may wait unsent
_ANY = 2**62  # bytes


@implementer(IPullProducer)
class OutboundQueue:
    """The way out of a connection, which is what the chat knows of it (`gim.push.presence.Connection`).

    Above *bound* bytes that wait unsent the connection is congested and gets no chatroom pushes; above
    `CLOSE_AT` times of it *hang_up* is called, with a close code and a reason. What a `pull` has written
    does not count, however long it is: the pull itself waits until it has gone.
    """

    _log = Logger()

    __slots__ = (
        "_allowed",
        "_bound",
        "_buffer",
        "_codec",
        "_codec_name",
        "_corked",
        "_hang_up",
        "_source",
        "_transport",
        "_turn",
        "_waiting",
        "_write",
        "key",
    )

    def __init__(
        self,
        key: str,
        codec: Codec,
        transport: Any,
        turn: WriteBatch,
        bound: int,
        hang_up: Callable[[int, str], None],
    ) -> None:
        self.key = key
        self._codec = codec
        self._codec_name = codec.name
        self._transport = transport
        self._buffer = buffer_of(transport)
        self._turn = turn
        self._corked = b""  # frames that wait for the end of the turn
        self._bound = bound
        self._hang_up = hang_up
        self._allowed = 0  # bytes that wait and do not count
        self._source: Callable[[], bool] | None = None
        self._waiting: dict[Drained, None] | None = None
        self._write: Callable[[bytes], None] = transport.write

    def close(self) -> None:
        """Write nothing any more: a close frame is on its way, or the connection is gone."""
        self._corked = b""
        self._write = self._drop
        self._hang_up = self._nothing  # it leads back to the connection, which is to be freed at once
        self._source = None
        self._waiting = None
        self._buffer.when_drained = None

    @property
    def peer(self) -> str:
        address = self._transport.getPeer()
        return f"{address.host}:{address.port}" if hasattr(address, "port") else "unix"

    def expel(self) -> None:
        self._hang_up(close_codes.DISCONNECTED, "disconnected by an administrator")

    def send(self, payload: bytes) -> bool:
        """Write one message; say if another one may follow at once."""
        self._cork(frame(payload, self._codec.is_binary))
        return self._buffer.free or not self.is_congested()

    def deliver(self, push: Push | Event) -> None:
        try:
            self._cork(push.__dict__.get(self._codec_name) or self._frame(push))
        except Exception:
            self._log.failure("a push could not be written")

    def offer(self, push: Push) -> bool:
        if not self._buffer.free and self.is_congested():
            return False
        try:
            if self._corked:
                self.flush()
            self._write(push.__dict__.get(self._codec_name) or self._frame(push))
        except Exception:
            self._log.failure("a push could not be written")
        return True

    def _cork(self, frame: bytes) -> None:
        if self._corked:
            self._corked += frame
            if len(self._corked) > MAX_CORKED:
                self.flush()
        elif len(frame) > MAX_CORKED or self._source is not None:
            self._written(frame)
        else:
            self._corked = frame
            self._turn.add(self)

    def flush(self) -> None:
        """Write the frames that wait for the end of the turn."""
        if self._corked:
            corked, self._corked = self._corked, b""
            self._written(corked)

    def _written(self, frames: bytes) -> None:
        self._write(frames)
        if not self._buffer.free:
            self.held(0)

    def _frame(self, push: Push | Event) -> bytes:
        """Encode a push for all connections with this codec: the first that is written to does it."""
        codec = self._codec
        made = push.__dict__[codec.name] = frame(codec.encode_push(push), codec.is_binary)
        return made

    @property
    def unsent(self) -> int:
        """The bytes that wait for the reader."""
        return 0 if self._buffer.free else self._buffer.unsent

    def is_congested(self) -> bool:
        """Say whether too much waits unsent."""
        return self._buffer.unsent - self._allowed > self._bound

    def held(self, size: int) -> None:
        if self._buffer.unsent + size - self._allowed > CLOSE_AT * self._bound:
            self._hang_up(close_codes.READER_TOO_SLOW, "reader too slow")

    def when_drained(self, waiting: Drained) -> None:
        if self._waiting is None:
            self._waiting = {}
        self._waiting[waiting] = None
        self._buffer.when_drained = self._drained

    def _drained(self) -> None:
        self._allowed = 0
        waiting, self._waiting = self._waiting or {}, None
        for each in waiting:
            each.drained(self)

    def pull(self, source: Callable[[], bool]) -> None:
        self.flush()
        is_new, self._source = self._source is None, source
        if is_new:  # else it takes the place of that of a login which has ended meanwhile
            self._transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """See `IPullProducer`."""
        self._allowed = _ANY
        has_more = self._source is not None and self._source()
        self._allowed = self._buffer.unsent
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
    def _nothing(code: int, reason: str) -> None:
        pass
