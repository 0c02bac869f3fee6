"""An HTTP connection with limits on time and memory that its peer can't exceed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from gim.api.server.idle_connections import IdleConnections
from gim.api.server.whole_requests import WholeRequest, read_whole

IDLE_TIMEOUT = 60  # seconds without a request until a connection is closed
REQUEST_TIMEOUT = 30  # seconds from the first byte of a request to its last
LINGER = 15  # seconds that a peer has to read the last response before the connection is aborted
_MAX_LENGTH_DIGITS = 18  # of a Content-Length: no body is that long


class BoundedChannel(http.HTTPChannel):
    """Twisted's HTTP connection with limits."""

    callLater: Any
    idle: IdleConnections  # of its site; this one is among them while it serves no request
    timeOut: Any  # seconds; None while a request is answered
    requestFactory: Any
    requests: list[Any]
    transport: Any
    _buffer: bytes  # received and not parsed yet
    _dataBuffer: list[bytes]  # received while a request is answered, before what is in `_buffer`
    write_whole: Callable[[bytes], None]  # writes a whole response
    _is_receiving = False
    _peer: Any = None
    _host: Any = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.abortTimeout = LINGER
        # of its class: a layer such as TLS shows all attributes of the transport below it
        is_direct = hasattr(type(self.transport), "write_whole")
        self.write_whole = self.transport.write_whole if is_direct else self.transport.write
        self.idle.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.idle.discard(self)
        super().connectionLost(reason)

    def getPeer(self) -> Any:
        if self._peer is None:  # asked for by each request
            self._peer = super().getPeer()
        return self._peer

    def getHost(self) -> Any:
        if self._host is None:  # costs a call of the kernel
            self._host = super().getHost()
        return self._host

    def dataReceived(self, data: bytes) -> None:
        if self._is_receiving or self._buffer or self.requests or self.paused or not self.persistent:
            super().dataReceived(data)
            return
        request = read_whole(data)
        if request is None:
            super().dataReceived(data)
        else:
            self._serve_whole(request)

    def _serve_whole(self, received: WholeRequest) -> None:
        """Serve a request that Twisted has not read. What Twisted does when it has read one is done here,
        but for the timer of an idle connection: that goes on, and is told when the request is done."""
        request = self.requestFactory(self)
        self.requests.append(request)
        self.idle.discard(self)
        self._savedTimeOut = IDLE_TIMEOUT
        self._handlingRequest = True
        self.setRawMode()
        request.take_whole(received)

    def timeoutConnection(self) -> None:
        if not self._handlingRequest:
            super().timeoutConnection()

    def resetTimeout(self) -> None:
        """Start the timeout of a request at its first byte. Twisted restarts it at every byte."""
        if not self._is_receiving and not self._handlingRequest:
            self._is_receiving = True
            self.setTimeout(REQUEST_TIMEOUT)

    def allContentReceived(self) -> None:
        self._is_receiving = False
        self.timeOut = IDLE_TIMEOUT  # starts when the response is complete
        self.idle.discard(self)
        super().allContentReceived()

    def requestDone(self, request: Any) -> None:
        super().requestDone(request)
        if not self._handlingRequest:  # no next one has come already, and this was not the last
            self.idle.add(self)

    def pauseProducing(self) -> None:
        """Serve no more requests until the peer reads: Twisted would serve all that it has received."""
        self.paused = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        self.paused = False
        super().resumeProducing()
        if self._buffer:
            self.dataReceived(b"")

    def let_go(self) -> bytes:
        """Leave the transport to another protocol; return what was received behind the request."""
        rest = b"".join(self._dataBuffer) + self._buffer
        self._dataBuffer, self._buffer = [], b""
        self.requests.clear()
        self.transport.unregisterProducer()
        self.transport.resumeProducing()
        return rest

    def headerReceived(self, line: bytes) -> bool:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and len(value.strip()) > _MAX_LENGTH_DIGITS:
            self._respondToBadRequestAndDisconnect()
            return False
        return bool(super().headerReceived(line))

    def loseConnection(self) -> None:
        """Close the connection once the peer has read all, after `LINGER` seconds in any case."""
        if self._abortingCall is None:
            self._abortingCall = self.callLater(LINGER, self.forceAbortClient)
        super().loseConnection()
