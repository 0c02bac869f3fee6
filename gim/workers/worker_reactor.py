"""The reactor that makes the endpoints of a worker: it binds nothing."""

from __future__ import annotations

import re
from typing import Any

from gim.workers.ports import HandedOverPort

_UNBOUND = re.compile(r"((?:haproxy:)*)(?:systemd|unix):.*", re.DOTALL)


def without_socket(endpoint: str) -> str:
    """Return an endpoint string for a worker, where the socket of a UNIX path or of systemd is not needed
    and may not be there."""
    return _UNBOUND.sub(r"\1tcp:0", endpoint)


class WorkerReactor:
    """The reactor for the endpoints of a worker: what is to listen becomes a `HandedOverPort`."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(
        self, port: int, factory: Any, backlog: int = 50, interface: str = ""
    ) -> HandedOverPort:
        """See `IReactorTCP`."""
        return HandedOverPort(factory, self._reactor)

    def listenUNIX(
        self, address: str, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: int = 0
    ) -> HandedOverPort:
        """See `IReactorUNIX`."""
        return HandedOverPort(factory, self._reactor)

    def listenSSL(
        self, port: int, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> HandedOverPort:
        """See `IReactorSSL`."""
        from twisted.protocols.tls import TLSMemoryBIOFactory  # with all of TLS

        return HandedOverPort(TLSMemoryBIOFactory(contextFactory, False, factory), self._reactor)

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: Any) -> HandedOverPort:
        """See `IReactorSocket`."""
        return HandedOverPort(factory, self._reactor)
