"""Who may connect: limits on all connections and on those of one address, and no one under overload."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from autobahn.websocket.types import ConnectionDeny

from gim.limits.limits import ADDRESS_CONNECTIONS, CONNECTIONS, OPEN_FILES, LimitHits, Limits
from gim.net.client_address import Proxies, group_of, host_of


class Rejection(NamedTuple):
    """An HTTP status and its reason phrase."""

    status: int
    reason: str


NO_FILES = Rejection(503, "too many connections: try again later")
OVERLOADED = Rejection(503, "the server is overloaded: try again later")
TOO_MANY = Rejection(503, "too many connections: try again later")
TOO_MANY_OF_ADDRESS = Rejection(429, "too many connections from this address: close one")


class Client(Protocol):
    """A connection, from its handshake on."""

    transport: Any
    peer: str | None  # the address that log lines show
    address_group: str  # what its address is counted as, "" until that is known


class ConnectionAdmission:
    """Decides twice about each connection: when it is accepted, and with its handshake.

    The handshake matters for a connection from a proxy: only its headers name the client's address.
    """

    def __init__(
        self,
        limits: Limits,
        hits: LimitHits,
        proxies: Proxies,
        overload: Callable[[], str],
        are_files_short: Callable[[], bool],
        speaks_proxy: bool,
    ) -> None:
        """*overload* returns the name of the limit that the process exceeds, "" if it exceeds none.

        *are_files_short* returns whether the process may open no further files for clients.

        *speaks_proxy*: every connection begins with a header of the PROXY protocol.
        """
        self._limits = limits
        self._hits = hits
        self.proxies = proxies
        self._overload = overload
        self._are_files_short = are_files_short
        self._speaks_proxy = speaks_proxy
        self._counts: Counter[str] = Counter()  # connections by address group

    def refuse(self, connected: int, address: Any) -> Rejection | None:
        """Return why a client at a transport's *address* may not connect, None if it may.

        *connected* is the number of connections that there are.
        """
        if self._are_files_short():  # holds in a dry run, too
            self._hits.hit(OPEN_FILES)
            return NO_FILES
        overload = self._overload()
        if overload and self._hits.hit(overload):
            return OVERLOADED
        if self._hits.reached(CONNECTIONS, self._limits.max_connections, connected):
            return TOO_MANY
        return self._refuse_group(self._group_of(address))

    def _refuse_group(self, group: str) -> Rejection | None:
        limit = self._limits.max_address_connections
        if group and self._hits.reached(ADDRESS_CONNECTIONS, limit, self._counts[group]):
            return TOO_MANY_OF_ADDRESS
        return None

    def _group_of(self, address: Any) -> str:
        host = host_of(address)
        return "" if self._speaks_proxy or self.proxies.trust(host) else group_of(host)

    def admit(self, client: Client) -> None:
        """Count a connection against its transport's address, unless that is a proxy's."""
        self._count(client, self._group_of(client.transport.getPeer()))

    def identify(self, client: Client, forwarded: str) -> None:
        """Determine the client's address from X-Forwarded-For and count the connection against it.

        Raises `ConnectionDeny` if there are too many connections from there.
        """
        if client.address_group:
            return
        host = self.proxies.client(host_of(client.transport.getPeer()), forwarded)
        client.peer = host or client.peer
        group = group_of(host)
        refusal = self._refuse_group(group)
        if refusal is not None:
            raise ConnectionDeny(*refusal)
        self._count(client, group)

    def _count(self, client: Client, group: str) -> None:
        client.address_group = group
        if group:
            self._counts[group] += 1

    def release(self, client: Client) -> None:
        """Stop counting a connection that is gone."""
        group, client.address_group = client.address_group, ""
        if group:
            self._counts[group] -= 1
            if not self._counts[group]:
                del self._counts[group]
