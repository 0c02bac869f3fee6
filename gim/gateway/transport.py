"""A transport that writes at once: what the kernel takes is never buffered.

Twisted's `write` buffers the data, registers the socket with the reactor and sends in the next turn: two
calls of `epoll_ctl` and one more turn for every frame to every connection. Nearly always the kernel would
have taken the data at once. Here `write` sends first and hands only the rest to Twisted, whose buffering,
producers, closing and errors stay as they are. docs/performance.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet import tcp, unix
from twisted.internet.interfaces import IListeningPort
from twisted.python.failure import Failure

from gim.gateway.accepting import accept_some

if TYPE_CHECKING:
    _Transport = tcp.Server
else:
    _Transport = object


class Follower(Protocol):
    """Wants to know whether a transport is free."""

    def free_changed(self) -> None:
        """Called when the transport's ``free`` has another value than before."""


class WritesAtOnce(_Transport):
    """A mixin for Twisted's stream transports; it comes before their class.

    ``free`` says whether a write may go to the kernel at once. It is false while data waits, from the
    moment the connection begins to close in any way, under TLS that was started on the transport, and
    with a pull producer, which Twisted asks for more in the next turn. While it is true, its file
    descriptor may be written to; what that does not take must go to `write_later`.
    """

    __slots__ = ("_send", "follower", "free", "when_drained")
    writes_at_once = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.free = False
        self.follower: Follower | None = None
        self.when_drained: Callable[[], None] | None = None  # called once when no data waits
        super().__init__(*args, **kwargs)
        self._send: Callable[[bytes], int] = self.socket.send
        self._update_free()

    def write(self, data: bytes) -> None:
        if not self.free:
            super().write(data)
            return
        try:
            sent = self._send(data)
        except OSError:  # it would block or is broken: Twisted finds out which, and handles it
            sent = 0
        if sent < len(data):
            self.write_later(data[sent:])

    def write_later(self, data: bytes) -> None:
        """Hand Twisted what the kernel has not taken."""
        self._set_free(False)
        super().write(data)

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        if self.free:
            self.write(b"".join(iovec))
        else:
            super().writeSequence(list(iovec))

    def doWrite(self) -> Any:
        result = super().doWrite()
        self._update_free()
        if self.when_drained is not None and not self.unsent:
            call, self.when_drained = self.when_drained, None
            call()
        return result

    @property
    def unsent(self) -> int:
        """The number of bytes that the kernel has not taken yet."""
        waiting: int = len(self.dataBuffer) - self.offset + self._tempDataLen
        return waiting

    def _update_free(self) -> None:
        self._set_free(
            not (
                self.unsent
                or self.disconnecting
                or not self.connected
                or self._writeDisconnecting
                or self._writeDisconnected
                or self._aborting
                or self.TLS
                or (self.producer is not None and not self.streamingProducer)
            )
        )

    def _set_free(self, free: bool) -> None:
        if free != self.free:
            self.free = free
            if self.follower is not None:
                self.follower.free_changed()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._set_free(self.free and streaming)  # Twisted asks a pull producer for data at once
        super().registerProducer(producer, streaming)
        self._update_free()

    def unregisterProducer(self) -> None:
        super().unregisterProducer()
        self._update_free()

    def loseConnection(self, *args: Any) -> None:
        super().loseConnection(*args)
        self._update_free()

    def loseWriteConnection(self) -> None:
        super().loseWriteConnection()
        self._update_free()

    def abortConnection(self) -> None:
        super().abortConnection()
        self._update_free()

    def startTLS(self, *args: Any) -> None:
        super().startTLS(*args)
        self._update_free()

    def connectionLost(self, reason: Failure) -> None:
        self._set_free(False)
        self.follower = None  # it refers to this transport, which is to be freed at once
        super().connectionLost(reason)


class DirectServer(WritesAtOnce, tcp.Server):
    """A TCP connection. Under TLS it is the lower transport, which gets the records.

    Nagle's algorithm is off: it would hold a frame back until the frame before is acknowledged, for 40 ms
    if the peer delays its acknowledgements. (Autobahn's ``tcpNoDelay`` has no effect: it is read before
    it is set.)
    """

    __slots__ = ()

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.setTcpNoDelay(True)


class DirectUnixServer(WritesAtOnce, unix.Server):
    """A connection of a UNIX socket."""

    __slots__ = ()

    def sendFileDescriptor(self, fileno: int) -> None:
        self._set_free(False)  # it goes out with the next bytes, which Twisted must send
        super().sendFileDescriptor(fileno)

    def _update_free(self) -> None:
        super()._update_free()
        self._set_free(self.free and not self._sendmsgQueue)


class BuffersFirst(_Transport):
    """A mixin before the classes above: writes as Twisted does, and at once only when told so.

    The HTTP API writes some responses in several parts, which Twisted sends together, and most in one. A
    connection that becomes one of the gateway writes at once from then on.
    """

    writes_at_once = False

    def write_whole(self, data: bytes) -> None:
        """Write a whole response, at once if the kernel takes it."""
        super()._update_free()  # type: ignore[misc]  # of `WritesAtOnce`, which comes behind it
        self.write(data)
        self._update_free()

    def begin_to_write_at_once(self) -> None:
        self.writes_at_once = True
        self._update_free()

    def _update_free(self) -> None:
        self.free = False
        if self.writes_at_once:
            super()._update_free()  # type: ignore[misc]  # of `WritesAtOnce`, which comes behind it


class BufferingServer(BuffersFirst, DirectServer):
    """A TCP connection of HTTP, which may become one of the gateway."""


class BufferingUnixServer(BuffersFirst, DirectUnixServer):
    """A connection of HTTP on a UNIX socket, which may become one of the gateway."""


def write_at_once(port: IListeningPort) -> None:
    """Give the connections of a port that has just begun to listen the transports of this module.

    All endpoints of Twisted, whatever they wrap around the factory, listen on one of two kinds of ports:
    ``tcp``, ``ssl``, ``tls`` and ``systemd`` on a TCP port, ``unix`` and ``systemd`` on a UNIX port.
    Ports of other kinds keep their transports.
    """
    _use(port, DirectServer, DirectUnixServer)


def write_at_once_later(port: IListeningPort) -> None:
    """Give the connections of a port of HTTP transports that write at once when `upgrade` is called."""
    _use(port, BufferingServer, BufferingUnixServer)


def _use(port: IListeningPort, on_tcp: type[tcp.Server], on_unix: type[unix.Server]) -> None:
    if isinstance(port, unix.Port):
        port.transport = on_unix
    elif isinstance(port, tcp.Port):
        port.transport = on_tcp
    else:
        return
    accept_some(port)


class OpaqueBuffer:
    """Null object for transports whose send buffer cannot be inspected."""

    follower: Follower | None = None
    free = True
    unsent = 0
    when_drained: Callable[[], None] | None = None


def buffer_of(transport: Any) -> WritesAtOnce | OpaqueBuffer:
    """Return where a transport's unsent bytes wait: in itself, or in the one below layers such as TLS."""
    lower = transport
    while not isinstance(lower, WritesAtOnce) and hasattr(lower, "transport"):
        lower = lower.transport
    return lower if isinstance(lower, WritesAtOnce) else OpaqueBuffer()


def unsent_in(writers: Iterable[Any]) -> int:
    """Return how many bytes wait in all transports of the gateway among those that the reactor writes."""
    return sum(each.unsent for each in writers if getattr(each, "writes_at_once", False))


def upgrade(transport: Any) -> None:
    """Let a connection of HTTP that becomes one of the gateway write at once from now on."""
    buffer = buffer_of(transport)
    if isinstance(buffer, BuffersFirst):
        buffer.begin_to_write_at_once()
