"""Where the gateway of a server is."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

_PORTS = {"ws": 80, "wss": 443}


@dataclass(frozen=True)
class Site:
    """The parts of a ``ws://`` or ``wss://`` URL. ``timeout_s`` is for connecting and for each reply."""

    url: str
    host: str
    port: int
    path: str
    is_tls: bool
    timeout_s: float

    @classmethod
    def of(cls, url: str, timeout_s: float) -> Site:
        """Read a URL that `gim.cli.gateway.check` finds good."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(url, host, port or _PORTS[parts.scheme], path, parts.scheme == "wss", timeout_s)

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, as far as its name says so."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def authority(self) -> str:
        """The header ``Host``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def tls(self) -> ssl.SSLContext | None:
        """Return what checks the server's certificate, None without TLS."""
        return ssl.create_default_context() if self.is_tls else None
