"""Who may connect: bounds on connections in all and by address, and nobody new under overload."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from autobahn.websocket.types import ConnectionDeny

from gim.limits.limits import ADDRESS_CONNECTIONS, CONNECTIONS, Limits
from gim.net.client_address import NO_PROXIES, Proxies, group_of, host_of


class Rejection(NamedTuple):
    """An HTTP status and a sentence."""

    status: int
    reason: str


OVERLOADED = Rejection(503, "the server is overloaded: try again later")
FULL = Rejection(503, "too many connections: try again later")
TOO_MANY_FROM_HERE = Rejection(429, "too many connections from this address: close one")


class Visitor(Protocol):
    """A connection in its handshake."""

    transport: Any
    peer: str | None  # for people
    place: str  # what its address counts as; "" until that is known


class ConnectionAdmission:
    """Is asked twice for each connection: when it is accepted, and with its handshake.

    The second time is for those behind a proxy, which says only then for whom it asks.
    """

    def __init__(
        self,
        limits: Limits,
        proxies: Proxies = NO_PROXIES,
        overload: Callable[[], str] = lambda: "",
        speaks_proxy: bool = False,
    ) -> None:
        """*overload* returns the limit that the process is above, "" for none; *speaks_proxy* says that
        all connections begin with a header of the PROXY protocol."""
        self._limits = limits
        self.proxies = proxies
        self._overload = overload
        self._speaks_proxy = speaks_proxy
        self._counts: Counter[str] = Counter()  # connections by place

    def refuse(self, connected: int, address: Any) -> Rejection | None:
        """Return why somebody at a transport's *address* may not connect, while so many others are."""
        overload = self._overload()
        if overload and self._limits.hit(overload):
            return OVERLOADED
        if self._limits.reached(CONNECTIONS, connected):
            return FULL
        return self._refuse_from(self._place(address))

    def _refuse_from(self, place: str) -> Rejection | None:
        if place and self._limits.reached(ADDRESS_CONNECTIONS, self._counts[place]):
            return TOO_MANY_FROM_HERE
        return None

    def _place(self, address: Any) -> str:
        host = host_of(address)
        return "" if self._speaks_proxy or self.proxies.trust(host) else group_of(host)

    def arrived(self, visitor: Visitor) -> None:
        """Count somebody who was let in."""
        self._take(visitor, self._place(visitor.transport.getPeer()))

    def meet(self, visitor: Visitor, forwarded: str) -> None:
        """Learn from the handshake who it is, *forwarded* being its X-Forwarded-For.

        Raises `ConnectionDeny` when there are too many from there.
        """
        if visitor.place:
            return
        host = self.proxies.client(host_of(visitor.transport.getPeer()), forwarded)
        visitor.peer = host or visitor.peer
        refusal = self._refuse_from(group_of(host))
        if refusal is not None:
            raise ConnectionDeny(*refusal)
        self._take(visitor, group_of(host))

    def _take(self, visitor: Visitor, place: str) -> None:
        visitor.place = place
        if place:
            self._counts[place] += 1

    def left(self, visitor: Visitor) -> None:
        """Count somebody no more."""
        place, visitor.place = visitor.place, ""
        if place:
            self._counts[place] -= 1
            if not self._counts[place]:
                del self._counts[place]
