"""Certificates of endpoints that speak TLS, which can be read again while gim listens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from OpenSSL.SSL import Context
from twisted.internet.interfaces import IOpenSSLContextFactory
from twisted.internet.ssl import CertificateOptions
from zope.interface import implementer


@implementer(IOpenSSLContextFactory)
class CertificateFiles:
    """The key and the certificates of an endpoint, as they were last read.

    TLS asks for them at each new connection; those that exist keep what they began with.
    """

    def __init__(self, loaded: CertificateOptions, load: Callable[[], CertificateOptions]) -> None:
        """*load* reads the files again and raises what it likes."""
        self._loaded = loaded
        self._load = load

    def getContext(self) -> Context:
        context: Context = self._loaded.getContext()
        return context

    def reload(self) -> str:
        """Read the files again; say until when the certificate is valid. Raises ValueError: what was in
        use stays."""
        try:
            loaded = self._load()
            loaded.getContext()  # key and certificate belong together
        except Exception as error:  # of files, PEM, OpenSSL
            raise ValueError(f"the certificate can't be used: {error}") from error
        self._loaded = loaded
        return f"read again, certificate valid until {_end_of(loaded)}"


def _end_of(loaded: Any) -> str:
    """Return the last day of a certificate."""
    end = datetime.strptime(loaded.certificate.get_notAfter().decode(), "%Y%m%d%H%M%SZ")
    return end.date().isoformat()
