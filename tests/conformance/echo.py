"""An echo server of the gateway's own protocol, frames and transport; with --stock, of Autobahn's alone.

With --workers N that many processes serve; with --http connections begin as ones of the HTTP API, at /ws.
`python -m tests.conformance.echo` listens on a free port of 127.0.0.1, prints its number, and ends with
its standard input.
"""

from __future__ import annotations

import sys
import threading
from typing import Any, cast

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.compress import (
    PerMessageDeflateOffer,
    PerMessageDeflateOfferAccept,
)
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Factory

from gim.gateway import handshake, opening
from gim.gateway.factory import GatewayFactory
from gim.gateway.opening import Opening
from gim.gateway.protocol import GatewayProtocol
from gim.gateway.timeout_wheel import Timeouts
from gim.gateway.transport import write_at_once, write_at_once_later
from tests.support.gateway import make_gateway, make_site

MAX_PACKET = 32 * 2**20  # bytes; the longest message of the cases has 16 MiB
MAX_UNSENT = 64 * 2**20
TIMEOUTS = Timeouts(handshake=30.0, login=3600.0, heartbeat=3600.0, ping=1800.0)


def accept_deflate(offers: list[Any]) -> PerMessageDeflateOfferAccept | None:
    """Accept the first offer of permessage-deflate; the gateway itself declines them all."""
    for offer in offers:
        if isinstance(offer, PerMessageDeflateOffer):
            return PerMessageDeflateOfferAccept(offer)
    return None


class _NoCodec:
    """Stands for a codec where messages go out in the kind that they came in."""

    name = "echo"
    is_binary = False


class Echo(GatewayProtocol):
    passed_on = handshake.PASSED_ON | {"sec-websocket-extensions"}  # the cases compress

    @staticmethod
    def read_common(request: bytes) -> Opening | None:
        common = opening.read(request)
        return None if common is None or "sec-websocket-extensions" in common.headers else common

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self.state != self.STATE_OPEN:
            return
        if self._perMessageCompress is not None:
            self.sendMessage(payload, isBinary)
            return
        cast(_NoCodec, self.codec).is_binary = isBinary
        self.outbound.send(payload)


class StockEcho(WebSocketServerProtocol):
    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self.state == self.STATE_OPEN:
            self.sendMessage(payload, isBinary)


def gateway_factory() -> GatewayFactory:
    """Return a factory as the daemon has it, except for what the cases need."""
    factory = make_gateway(
        _NoCodec(), reactor, max_packet=MAX_PACKET, max_unsent=MAX_UNSENT, timeouts=TIMEOUTS
    )
    factory.protocol = Echo
    # Autobahn takes "null" origins back to its own default with every call
    factory.setProtocolOptions(perMessageCompressionAccept=accept_deflate, allowNullOrigin=True)
    return factory


def stock_factory() -> WebSocketServerFactory:
    """Return a factory of Autobahn's, with the same options."""
    ours = gateway_factory()
    factory = WebSocketServerFactory(server="stock Autobahn")
    factory.protocol = StockEcho
    for name in StockEcho.CONFIG_ATTRS:
        setattr(factory, name, getattr(ours, name))
    return factory


def main(arguments: list[str]) -> None:
    loop: Any = reactor
    factory: Factory
    serving: Deferred[None] = succeed(None)
    match arguments:
        case ["--stock"]:
            factory = stock_factory()
            port = loop.listenTCP(0, factory, interface="127.0.0.1")
        case ["--workers", count]:
            from tests.conformance.echo_workers import listen

            port, serving = listen(int(count))
        case ["--http"]:
            gateway = gateway_factory()
            gateway.timeout_wheel.startService()
            gateway.takes_upgrades = True
            port = loop.listenTCP(0, make_site(gateway), interface="127.0.0.1")
            write_at_once_later(port)
        case []:
            factory = gateway = gateway_factory()
            gateway.timeout_wheel.startService()
            port = loop.listenTCP(0, factory, interface="127.0.0.1")
            write_at_once(port)
        case _:
            sys.exit("usage: python -m tests.conformance.echo [--stock | --http | --workers N]")
    serving.addCallback(lambda _: print(port.getHost().port, flush=True))

    def wait_for_the_end() -> None:
        sys.stdin.buffer.read()
        loop.callFromThread(loop.stop)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main(sys.argv[1:])
