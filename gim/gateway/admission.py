"""Admission of the connections of one process: when each is accepted, and with its handshake."""

from __future__ import annotations

from typing import Any, Protocol

from autobahn.websocket.types import ConnectionDeny
from twisted.internet.defer import Deferred

from gim.gateway.connection_rules import ConnectionRules, Rejection
from gim.net.client_address import group_of, host_of


class Client(Protocol):
    """A connection, from its handshake on."""

    transport: Any
    peer: str | None  # the address that log lines show
    is_upgraded: bool  # it began as a connection of HTTP
    address_group: str  # what its address is counted as, "" until that is known


class Admission(Protocol):
    """Decides twice about each connection: when it is accepted, and with its handshake.

    The handshake matters for a connection from a proxy: only its headers name the client's address.
    """

    def refuse(self, connected: int, address: Any) -> Rejection | None:
        """Return why a client at a transport's *address* may not connect, None if it may.

        *connected* is the number of connections that this process has.
        """

    def admit(self, client: Client) -> None:
        """Count a connection against its transport's address, unless that is a proxy's."""

    def identify(self, client: Client, forwarded: str) -> Deferred[None] | None:
        """Determine the client's address from X-Forwarded-For and count the connection against it.

        Raises `ConnectionDeny` if there are too many connections from there. Returns None if that is
        decided, else a Deferred that fires, or fails with `ConnectionDeny`, once it is; it never fires
        if the connection ends before.
        """

    def release(self, client: Client) -> None:
        """Stop counting a connection that is gone."""


class ConnectionAdmission(ConnectionRules):
    """Admission by the connections of this process alone; implements `Admission`."""

    def admit(self, client: Client) -> None:
        """See `Admission`."""
        self._count(client, self.group_of(client.transport.getPeer()))

    def identify(self, client: Client, forwarded: str) -> None:
        """See `Admission`."""
        if client.address_group:
            return
        group = name_address(client, self, forwarded)
        refusal = self.refuse_group(group)
        if refusal is not None:
            raise ConnectionDeny(*refusal)
        self._count(client, group)

    def _count(self, client: Client, group: str) -> None:
        client.address_group = group
        self.add(group)

    def release(self, client: Client) -> None:
        """See `Admission`."""
        group, client.address_group = client.address_group, ""
        self.remove(group)


def name_address(client: Client, rules: ConnectionRules, forwarded: str) -> str:
    """Name a client by the address that *forwarded*, its X-Forwarded-For, tells; return its group."""
    host = rules.proxies.client(host_of(client.transport.getPeer()), forwarded)
    client.peer = host or client.peer
    return group_of(host)
