"""Twisted endpoints for the servers of a `Target`."""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.python.filepath import FilePath

from gim.storage.redis.client.url import Address, Tls

CONNECT_TIMEOUT = 1.0  # seconds


def endpoint(reactor: Any, address: Address, tls: Tls | None) -> IStreamClientEndpoint:
    """Return the endpoint of one server; raises if a file of *tls* can't be used."""
    if address.path:
        plain: IStreamClientEndpoint = UNIXClientEndpoint(reactor, address.path, CONNECT_TIMEOUT)
    else:
        plain = HostnameEndpoint(reactor, address.host, address.port, CONNECT_TIMEOUT)
    if tls is None:
        return plain
    wrapped: IStreamClientEndpoint = wrapClientTLS(_options(address.host, tls), plain)
    return wrapped


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
