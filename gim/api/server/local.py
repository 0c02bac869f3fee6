"""Who may ask what is for the server's operator only."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.web.iweb import IRequest

from gim.api.server.admin_key import AdminKey
from gim.errors import Forbidden

# What a proxy adds: behind one on this machine everybody's requests come from here.
_OF_PROXIES = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_FOR = "this is for clients on the server's own"


def check_local(request: IRequest, key: AdminKey | None = None) -> None:
    """Raise `Forbidden` unless the request shows the administrator's key, where there is one, or comes
    from this machine, and through no proxy."""
    if key is not None and key.opens(request):
        return
    if not _is_local(request.getClientAddress()):
        raise Forbidden(f"{_FOR} machine: ask for it at 127.0.0.1 there")
    for name in _OF_PROXIES:
        if request.requestHeaders.hasHeader(name):
            raise Forbidden(f"{_FOR} machine: ask without a proxy (the header {name})")


def _is_local(address: Any) -> bool:
    """Say whether a peer is on this machine; an address of no known kind is not."""
    if isinstance(address, UNIXAddress):
        return True
    try:
        ip = ip_address(getattr(address, "host", ""))
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)  # ::ffff:127.0.0.1
    return bool((mapped or ip).is_loopback)
