"""The PROXY protocol of endpoints such as ``haproxy:tcp:8080``: the header that a connection begins with.

https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt. Twisted parses the addresses. It drops a
connection whose first segment is shorter than 8 bytes (version 1) or 16 (version 2), and takes no
``PROXY UNKNOWN``, which load balancers send for their own health checks.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import ISSLTransport, IStreamServerEndpoint
from twisted.protocols.haproxy._info import ProxyInfo
from twisted.protocols.haproxy._v1parser import V1Parser
from twisted.protocols.haproxy._v2parser import V2Parser
from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper, HAProxyWrappingFactory
from zope.interface import noLongerProvides

MAX_V1: Final = 107  # bytes of a header of version 1, the line break included
V2_HEAD: Final = 16  # bytes of a header of version 2 before its addresses

_V1, _V2 = b"PROXY ", V2Parser.PREFIX
_UNKNOWN = [b"PROXY", b"UNKNOWN"]


class BadHeader(ValueError):
    """The bytes do not begin with a header of the PROXY protocol."""


def header_length(data: bytes) -> int:
    """Return how many bytes of *data* are the header, 0 if the rest of it is still to come.

    Raises `BadHeader` as soon as no header can become of it.
    """
    if data[: len(_V2)] == _V2[: len(data)]:
        end = V2_HEAD + int.from_bytes(data[14:16], "big")
        return end if len(data) >= max(end, V2_HEAD) else 0
    if data[: len(_V1)] != _V1[: len(data)]:
        raise BadHeader
    line_break = data.find(b"\r\n", 0, MAX_V1)
    if line_break < 0 and len(data) >= MAX_V1:
        raise BadHeader
    return line_break + 2 if line_break >= 0 else 0


def parse(header: bytes) -> ProxyInfo:
    """Return the addresses of a complete header, None for each that it does not tell.

    Raises `BadHeader`.
    """
    if header.rstrip(b"\r\n").split(b" ", 2)[:2] == _UNKNOWN:
        return ProxyInfo(header, None, None)
    try:
        info = V2Parser.parse(header) if header.startswith(_V2) else V1Parser.parse(header[:-2])
        if isinstance(info.source, IPv4Address | IPv6Address):
            ip_address(info.source.host)  # version 1 has it in text, which may be anything
    except Exception as error:  # for numbers and kinds that Twisted does not check: ValueError, KeyError
        raise BadHeader from error
    return info


class ProxiedProtocol(HAProxyProtocolWrapper):
    """Reads the header, then hands on what comes. Without a valid header it drops the connection."""

    _header: bytes | None = b""  # what has come of it, None once it is complete

    def connectionMade(self) -> None:
        super().connectionMade()
        if ISSLTransport.providedBy(self):  # Autobahn would ask it for what only the TLS below can tell
            noLongerProvides(self, ISSLTransport)

    def dataReceived(self, data: bytes) -> None:
        if self._header is None:
            self.wrappedProtocol.dataReceived(data)
            return
        self._header += data
        try:
            end = header_length(self._header)
            if not end:
                return
            self._proxyInfo = parse(self._header[:end])
        except BadHeader:
            self.loseConnection()
            return
        rest, self._header = self._header[end:], None
        if rest:
            self.wrappedProtocol.dataReceived(rest)


class ProxiedFactory(HAProxyWrappingFactory):
    """Makes a `ProxiedProtocol` around each protocol of a factory."""

    protocol = ProxiedProtocol  # type: ignore[assignment]  # declared as one class


def take_all_headers(endpoint: IStreamServerEndpoint) -> IStreamServerEndpoint:
    """Return an endpoint, one of ``haproxy:`` with the protocol above instead of Twisted's."""
    wrapped: Any = endpoint
    if getattr(wrapped, "_wrapperFactory", None) is HAProxyWrappingFactory:
        wrapped._wrapperFactory = ProxiedFactory
    return endpoint
