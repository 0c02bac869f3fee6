"""The route of the gateway, as it answers requests that are not a WebSocket handshake."""

from __future__ import annotations

from http import HTTPStatus

from twisted.web.iweb import IRequest

from gim.api.openapi.describe import Access, describe
from gim.api.server.app import App
from gim.errors import UpgradeRequired


class GatewayRoutes:
    """Says what to send. `gim.api.server.upgrade` takes the handshakes before they come here."""

    app = App()

    @app.route("/ws", methods=["GET"])
    @describe(
        "Connect to the gateway, with the handshake of WebSocket (RFC 6455).",
        "gateway",
        access=Access.OPEN,
        status=HTTPStatus.SWITCHING_PROTOCOLS,
        refuses=(UpgradeRequired,),
    )
    async def gateway(self, request: IRequest) -> bytes:
        request.responseHeaders.addRawHeader(b"Connection", b"Upgrade")
        raise UpgradeRequired
