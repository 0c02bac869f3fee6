"""Who may connect: limits on all connections and on those of one address, and no one under overload."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from gim.limits.limits import ADDRESS_CONNECTIONS, CONNECTIONS, OPEN_FILES, LimitHits, Limits
from gim.net.client_address import Proxies, group_of, host_of


class Rejection(NamedTuple):
    """An HTTP status and its reason phrase."""

    status: int
    reason: str


NOT_SERVING = Rejection(503, "the server starts or stops: try again in a moment")
NO_FILES = Rejection(503, "too many connections: try again later")
OVERLOADED = Rejection(503, "the server is overloaded: try again later")
TOO_MANY = Rejection(503, "too many connections: try again later")
TOO_MANY_OF_ADDRESS = Rejection(429, "too many connections from this address: close one")


class ConnectionRules:
    """Decides by the address of a transport, and counts connections by address.

    An address group is what counts as one client: see `gim.net.client_address.group_of`. It is "" while
    the client's address is not known: behind a proxy, only the handshake names it.
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
        self.limits_addresses = limits.max_address_connections > 0  # if only in a dry run

    def refuse(self, connected: int, address: Any) -> Rejection | None:
        """Return why a client at a transport's *address* may not connect, None if it may.

        *connected* is the number of connections that there are.
        """
        group = self.group_of(address) if self.limits_addresses else ""
        return self.refuse_for_process() or self.refuse_for_count(connected, group)

    def refuse_for_count(self, connected: int, group: str) -> Rejection | None:
        """Return why there are too many connections for one more of an address group, None if not."""
        if self._hits.reached(CONNECTIONS, self._limits.max_connections, connected):
            return TOO_MANY
        return self.refuse_group(group)

    def refuse_for_process(self) -> Rejection | None:
        """Return why this process takes no client at all, None if it does."""
        if self._are_files_short():  # holds in a dry run, too
            self._hits.hit(OPEN_FILES)
            return NO_FILES
        overload = self._overload()
        return OVERLOADED if overload and self._hits.hit(overload) else None

    def refuse_group(self, group: str) -> Rejection | None:
        """Return why no further client of an address group may connect, None if it may."""
        limit = self._limits.max_address_connections
        if group and self._hits.reached(ADDRESS_CONNECTIONS, limit, self._counts[group]):
            return TOO_MANY_OF_ADDRESS
        return None

    def group_of(self, address: Any) -> str:
        """Return the address group of a transport's *address*, "" for one of a proxy."""
        host = host_of(address)
        return "" if self._speaks_proxy or self.proxies.trust(host) else group_of(host)

    def add(self, group: str) -> None:
        """Count a connection of an address group, unless that is ""."""
        if group:
            self._counts[group] += 1

    def remove(self, group: str, count: int = 1) -> None:
        """Stop counting *count* connections of an address group that are gone."""
        if group:
            self._counts[group] -= count
            if self._counts[group] <= 0:
                del self._counts[group]
