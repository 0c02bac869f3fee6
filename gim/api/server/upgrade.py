"""WebSocket on the HTTP address: a connection of HTTP that becomes one of the gateway.

RFC 9110, section 7.8, and RFC 6455, section 4.2: the request at `PATH` with ``Upgrade: websocket`` is the
opening handshake. The gateway answers it, and has the connection from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

PATH: Final = b"/ws"
ROUTE: Final = "gateway"  # its name, for metrics


class GatewayConnection(Protocol):
    """The protocol of a connection of the gateway, as Twisted calls it."""

    def makeConnection(self, transport: Any) -> None:
        """Begin with a transport."""

    def shake_hands(self, request: bytes) -> None:
        """Answer an opening handshake, of which nothing is missing."""

    def dataReceived(self, data: bytes) -> None:
        """Take what comes behind the handshake."""


class Gateway(Protocol):
    """What the HTTP API needs of the gateway."""

    def upgrade(self, transport: Any, answered: Callable[[int], object]) -> GatewayConnection:
        """Return the protocol for a transport that spoke HTTP; *answered* is called once, with the status
        of the answer to the handshake, unless the connection ends before."""


def is_handshake(request: Any) -> bool:
    """Say whether a request is the opening handshake of a connection to the gateway.

    HTTP/1.0 has no upgrades. A body would be taken for frames, or hide some.
    """
    return (
        request.path == PATH
        and request.method == b"GET"
        and request.clientproto == b"HTTP/1.1"
        and not request.body_size
        and b"websocket" in _upgrades_of(request)
    )


def _upgrades_of(request: Any) -> list[bytes]:
    fields = request.requestHeaders.getRawHeaders(b"upgrade") or []
    return [word.strip().lower() for field in fields for word in field.split(b",")]


def hand_to(gateway: Gateway, request: Any, answered: Callable[[int], object]) -> None:
    """Let the gateway have the connection of a handshake, with the bytes that came behind it."""
    channel = request.channel
    transport = channel.transport
    rest = channel.let_go()
    connection = gateway.upgrade(transport, answered)
    # layers such as TLS have the protocol above them in `wrappedProtocol`, sockets in `protocol`
    place = "wrappedProtocol" if hasattr(transport, "wrappedProtocol") else "protocol"
    setattr(transport, place, connection)
    connection.makeConnection(transport)
    connection.shake_hands(_written(request))
    if rest:
        connection.dataReceived(rest)


def _written(request: Any) -> bytes:
    """Return a handshake as bytes, without its query, which the gateway does not read."""
    lines = [b"GET %b HTTP/1.1" % PATH]
    for name, values in request.requestHeaders.getAllRawHeaders():
        lines += [name + b": " + value for value in values]
    return b"\r\n".join(lines) + b"\r\n\r\n"
