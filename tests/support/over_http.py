"""Connections to the gateway at /ws of the HTTP address, in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.test import iosim

from tests.support.pipe import GatewayTestCase

ADDRESS = IPv4Address("TCP", "127.0.0.1", 2)
HANDSHAKE = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "trace": "t-1",
}


def request(first: str = "GET /ws HTTP/1.1", body: bytes = b"", **headers: str | None) -> bytes:
    """Return a handshake as bytes; *headers* replace its own, and None leaves one out.

    In their names, ``_`` stands for ``-``.
    """
    fields = {**HANDSHAKE, **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([first, *lines, "", ""]).encode("latin-1") + body


class OverHttpTestCase(GatewayTestCase):
    """A whole daemon, to which clients connect by its HTTP address."""

    handshake_path = "/ws"
    is_over_http = True  # otherwise a client connects to the gateway's address

    def attach(self, client: Any, address: Any = ADDRESS) -> Any:
        """Connect any protocol to the HTTP address; return the transport of the server."""
        if not self.is_over_http:
            return super().attach(client)
        channel = self.api.buildProtocol(address)
        transport = iosim.FakeTransport(channel, True, peerAddress=address)
        transport.abortConnection = transport.loseConnection
        self.pumps.append(iosim.connect(channel, transport, client, iosim.FakeTransport(client, False)))
        self.pump()
        return transport
