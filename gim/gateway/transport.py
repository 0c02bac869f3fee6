"""A transport that writes at once: what the kernel takes is never buffered.

Twisted's `write` buffers, asks the reactor to tell when the socket is writable, and sends in the next
turn: two `epoll_ctl` and one more turn for every frame to every connection. Nearly always the kernel
would have taken it there and then. Here `write` sends first and hands only the rest to Twisted, whose
buffering, producers, closing and errors stay as they are. docs/performance.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet import tcp, unix
from twisted.internet.interfaces import IListeningPort
from twisted.python.failure import Failure

ACCEPTS = 16  # connections accepted per turn of the reactor, some 5 ms, so that a rush starves nobody

if TYPE_CHECKING:
    _Transport = tcp.Server
else:
    _Transport = object


class WritesAtOnce(_Transport):
    """Mixed into a Twisted stream transport, before its class.

    ``free`` says that a write may go to the kernel at once. It is false while anything waits, from the
    moment the connection begins to close in any way, under TLS that was started on it, and for a pull
    producer, which is to be asked for more in another turn.
    """

    __slots__ = ("_send", "free", "when_drained")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.free = False
        self.when_drained: Callable[[], None] | None = None  # called once when nothing waits any more
        super().__init__(*args, **kwargs)
        self._send: Callable[[bytes], int] = self.socket.send
        self._settle()

    def write(self, data: bytes) -> None:
        if not self.free:
            super().write(data)
            return
        try:
            sent = self._send(data)
        except OSError:  # it would block, or is broken: Twisted finds out which and does what is due
            sent = 0
        if sent < len(data):
            self.free = False
            super().write(data[sent:])

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        if self.free:
            self.write(b"".join(iovec))
        else:
            super().writeSequence(list(iovec))

    def doWrite(self) -> Any:
        result = super().doWrite()
        self._settle()
        if self.when_drained is not None and not self.unsent:
            call, self.when_drained = self.when_drained, None
            call()
        return result

    @property
    def unsent(self) -> int:
        """The bytes that the kernel has not taken yet."""
        waiting: int = len(self.dataBuffer) - self.offset + self._tempDataLen
        return waiting

    def _settle(self) -> None:
        self.free = not (
            self.unsent
            or self.disconnecting
            or not self.connected
            or self._writeDisconnecting
            or self._writeDisconnected
            or self._aborting
            or self.TLS
            or (self.producer is not None and not self.streamingProducer)
        )

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.free = self.free and streaming  # a pull producer is asked at once
        super().registerProducer(producer, streaming)
        self._settle()

    def unregisterProducer(self) -> None:
        super().unregisterProducer()
        self._settle()

    def loseConnection(self, *args: Any) -> None:
        super().loseConnection(*args)
        self._settle()

    def loseWriteConnection(self) -> None:
        super().loseWriteConnection()
        self._settle()

    def abortConnection(self) -> None:
        super().abortConnection()
        self._settle()

    def startTLS(self, *args: Any) -> None:
        super().startTLS(*args)
        self._settle()

    def connectionLost(self, reason: Failure) -> None:
        self.free = False
        super().connectionLost(reason)


class DirectServer(WritesAtOnce, tcp.Server):
    """A TCP connection, under TLS as well: the TLS layer writes its records through it.

    Nagle's algorithm is off: it would hold a frame back until the one before is acknowledged, for 40 ms
    where the peer delays its acknowledgements. (Autobahn's ``tcpNoDelay`` does not do it: it is looked
    up before it is set.)
    """

    __slots__ = ()

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.setTcpNoDelay(True)


class DirectUnixServer(WritesAtOnce, unix.Server):
    """A connection of a UNIX socket."""

    __slots__ = ()

    def sendFileDescriptor(self, fileno: int) -> None:
        self.free = False  # it goes with the next bytes, which Twisted must send
        super().sendFileDescriptor(fileno)

    def _settle(self) -> None:
        super()._settle()
        self.free = self.free and not self._sendmsgQueue


def write_at_once(port: IListeningPort) -> None:
    """Let the connections of a port that has just begun to listen write at once.

    Every endpoint type ends in one of two kinds of ports, whatever it wraps around the factory: tcp,
    ssl, tls and systemd in the first, unix and systemd in the second. Another kind stays as it is.
    """
    if isinstance(port, unix.Port):
        port.transport = DirectUnixServer
    elif isinstance(port, tcp.Port):
        port.transport = DirectServer  # type: ignore[assignment]  # declared as the very class
    else:
        return
    stock = type(port).doRead

    def accept_some() -> None:
        port.numberAccepts = min(port.numberAccepts, ACCEPTS)  # Twisted lets it grow
        stock(port)

    port.doRead = accept_some  # type: ignore[method-assign]


class Untold:
    """Stands for a transport that does not tell what waits in it."""

    free = True
    unsent = 0
    when_drained: Callable[[], None] | None = None


def buffer_of(transport: Any) -> WritesAtOnce | Untold:
    """Return where a transport's bytes wait: itself, or what lies below a TLS layer."""
    lower = getattr(transport, "transport", transport)
    return lower if isinstance(lower, WritesAtOnce) else Untold()
