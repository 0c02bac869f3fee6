"""Twisted endpoints for the servers of a `Target`."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.python.filepath import FilePath
from zope.interface import implementer

from gim.storage.redis.client.url import Address, Tls

CONNECT_TIMEOUT = 1.0  # seconds


def endpoint(reactor: Any, address: Address, tls: Tls | None) -> IStreamClientEndpoint:
    """Return the endpoint of one server."""
    if address.path:
        plain: IStreamClientEndpoint = UNIXClientEndpoint(reactor, address.path, CONNECT_TIMEOUT)
    else:
        plain = HostnameEndpoint(reactor, address.host, address.port, CONNECT_TIMEOUT)
    return plain if tls is None else TlsEndpoint(plain, address.host, tls)


async def connect(server: IStreamClientEndpoint, factory: IProtocolFactory) -> IProtocol:
    """Connect. A cancelled attempt ends with `CancelledError`, as other cancelled steps do.

    Twisted's endpoints raise another error then, which would count as a failure of the server.
    """
    try:
        return await server.connect(factory)
    except ConnectingCancelledError as error:
        raise CancelledError from error


@implementer(IStreamClientEndpoint)
class TlsEndpoint:
    """Reads the files of *tls* at each connecting, so that a renewed certificate needs no restart."""

    def __init__(self, plain: IStreamClientEndpoint, host: str, tls: Tls) -> None:
        self._plain = plain
        self._host = host
        self._tls = tls

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect; fails, too, if a file can't be used."""
        try:
            wrapped = wrapClientTLS(_options(self._host, self._tls), self._plain)
        except Exception:  # of files, PEM, OpenSSL
            return fail()
        connecting: Deferred[IProtocol] = wrapped.connect(factory)
        return connecting


def _options(host: str, tls: Tls) -> Any:
    own = _own_certificate(tls) if tls.cert_file else None
    if not tls.verify:
        return own.options() if own else CertificateOptions()
    trust = trustRootFromCertificates(_authorities(tls.ca_file)) if tls.ca_file else None
    return optionsForClientTLS(host, trustRoot=trust, clientCertificate=own)


def _authorities(path: str) -> list[Certificate]:
    end = b"-----END CERTIFICATE-----"
    parts = FilePath(path).getContent().split(end)[:-1]
    return [Certificate.loadPEM(part + end) for part in parts]


def _own_certificate(tls: Tls) -> PrivateCertificate:
    """Read certificate and key; the key may be in the file of the certificate."""
    pem = FilePath(tls.cert_file).getContent()
    if tls.key_file:
        pem += b"\n" + FilePath(tls.key_file).getContent()
    certificate: PrivateCertificate = PrivateCertificate.loadPEM(pem)
    return certificate
