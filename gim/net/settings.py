"""What the operator sets of addresses."""

from __future__ import annotations

from msgspec import Struct

from gim.net.client_address import Proxies


class NetSettings(Struct, frozen=True):
    """Addresses to listen on are endpoint strings of Twisted."""

    gateway_address: str
    api_address: str
    proxies: Proxies  # their X-Forwarded-For is believed
