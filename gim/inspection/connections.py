"""The connections of all nodes, the most important ones first, and how one is closed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal, NamedTuple

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime, ISSLTransport

from gim.concurrency.shared import Shared
from gim.errors import NotFound, Unavailable
from gim.gateway import closing
from gim.gateway.factory import GatewayFactory
from gim.gateway.protocol import GatewayProtocol
from gim.inspection import tcp_info
from gim.inspection.node_talk import NodeTalk
from gim.inspection.slices import slices

CONNECTIONS_PER_SLICE = 250  # each may cost 5 to 10 us: 1 to 3 ms
CACHE_TIME = 1.0  # seconds for which a node repeats an answer
FORGET_TIME = 5.0  # seconds after which an answer takes no memory any more

Sort = Literal["unsent", "bytes", "age", "idle", "user"]


class ConnectionInfo(Struct, frozen=True):
    """A connection. ``user_id`` is "" and ``since`` None before its login.

    ``unsent`` counts the bytes that wait for its reader in gim. What follows ``unsent`` is
    `gim.inspection.tcp_info.TcpInfo`. Behind a proxy ``peer`` is the proxy, unless that uses the PROXY
    protocol.
    """

    key: str
    node: str
    user_id: str
    peer: str
    codec: Literal["json", "proto"]
    since: int | None
    tls: bool
    unsent: int
    in_bytes: int | None
    out_bytes: int | None
    idle_ms: int | None
    rtt_ms: float | None
    retransmits: int | None


class ConnectionPage(Struct, frozen=True):
    """The first connections in an order, how many there are in all, and how many nodes did not answer."""

    items: list[ConnectionInfo]
    total: int
    nodes_missing: int


class Closed(Struct, frozen=True):
    """Whether a connection was closed."""

    closed: bool


class ConnectionsOf(Struct, frozen=True, tag="connections"):
    """The question for a node's first *count* connections: those of a user unless that is "", and those
    whose address begins with *address*."""

    sort: Sort
    count: int
    user_id: str
    address: str


class NodeConnections(Struct, frozen=True):
    """The first connections of a node, and how many it has that match."""

    items: list[ConnectionInfo]
    total: int


class CloseConnection(Struct, frozen=True, tag="close_connection"):
    """The question whether a node has closed a connection."""

    key: str


_LAST = float("inf")  # where a number is not known


def _negative(number: float | None) -> float:
    return _LAST if number is None else -number


def _total(info: tcp_info.TcpInfo | ConnectionInfo) -> int | None:
    return None if info.in_bytes is None else info.in_bytes + (info.out_bytes or 0)


def _user_of(connection: GatewayProtocol) -> str:
    return connection.login.user.id if connection.login is not None else ""


def _since_of(connection: GatewayProtocol) -> int | None:
    return connection.login.since if connection.login is not None else None


def _info_of(connection: GatewayProtocol) -> tcp_info.TcpInfo:
    return tcp_info.read(connection.transport)


def _newest_first(since: int | None) -> float:
    return -_LAST if since is None else -since


class _Order(NamedTuple):
    """What a list is sorted by, the smallest first: of a connection itself, and of what is told of it."""

    of_connection: Callable[[GatewayProtocol], Any]
    of_info: Callable[[ConnectionInfo], Any]


_ORDERS: dict[Sort, _Order] = {
    "unsent": _Order(lambda each: -each.outbound.unsent, lambda info: -info.unsent),
    "bytes": _Order(lambda each: _negative(_total(_info_of(each))), lambda info: _negative(_total(info))),
    "age": _Order(lambda each: _newest_first(_since_of(each)), lambda info: _newest_first(info.since)),
    "idle": _Order(lambda each: _negative(_info_of(each).idle_ms), lambda info: _negative(info.idle_ms)),
    "user": _Order(  # without a user last
        lambda each: (not _user_of(each), _user_of(each)), lambda info: (not info.user_id, info.user_id)
    ),
}


class NodeConnectionList:
    """The connections of this process. It answers the questions of this module."""

    def __init__(self, gateway: GatewayFactory, node: str, clock: IReactorTime) -> None:
        self._gateway = gateway
        self._node = node
        self._clock = clock
        # when each was asked last, and its answer
        self._answers: dict[ConnectionsOf, tuple[float, Shared[NodeConnections]]] = {}

    def serve(self, talk: NodeTalk) -> None:
        """Answer the questions of all nodes."""
        talk.serve(ConnectionsOf, self.first)
        talk.serve(CloseConnection, self.close)

    def close(self, question: CloseConnection) -> Closed:
        """Close a connection in whatever state it is."""
        connection = self._gateway.connection(question.key)
        if connection is None:
            return Closed(False)
        if connection.can_write():
            connection.close_with(closing.DISCONNECTED)
        else:
            connection.drop("an administrator closed it")
        return Closed(True)

    async def first(self, question: ConnectionsOf) -> NodeConnections:
        """Return the first connections; the same ones for `CACHE_TIME` seconds, and to all that ask while
        they are being found."""
        self._forget_answers()
        known = self._answers.get(question)
        answer = known[1] if known else Shared(partial(self._first, question), CACHE_TIME, self._clock)
        self._answers[question] = self._clock.seconds(), answer
        return await answer.get()

    def _forget_answers(self) -> None:
        oldest = self._clock.seconds() - FORGET_TIME
        self._answers = {
            question: (at, answer) for question, (at, answer) in self._answers.items() if at > oldest
        }

    async def _first(self, question: ConnectionsOf) -> NodeConnections:
        rank, total = _ORDERS[question.sort].of_connection, 0
        first: list[tuple[Any, str, GatewayProtocol]] = []
        async for some in slices(tuple(self._gateway.connections), CONNECTIONS_PER_SLICE, self._clock):
            open_ones = [each for each in some if each in self._gateway.connections]
            matching = [each for each in open_ones if _matches(each, question)]
            total += len(matching)
            first += [(rank(each), each.outbound.key, each) for each in matching]
            first = sorted(first)[: question.count]  # no two have one key
        items: list[ConnectionInfo] = []
        async for chosen in slices(first, CONNECTIONS_PER_SLICE, self._clock):
            open_ones = [each for _, _, each in chosen if each in self._gateway.connections]
            items += map(self._describe, open_ones)
        return NodeConnections(items, total)

    def _describe(self, connection: GatewayProtocol) -> ConnectionInfo:
        info = _info_of(connection)
        return ConnectionInfo(
            connection.outbound.key,
            self._node,
            _user_of(connection),
            connection.outbound.peer,
            "proto" if connection.codec.is_binary else "json",
            _since_of(connection),
            ISSLTransport.providedBy(connection.transport),
            connection.outbound.unsent,
            info.in_bytes,
            info.out_bytes,
            info.idle_ms,
            info.rtt_ms,
            info.retransmits,
        )


class ConnectionList:
    """The connections of all nodes."""

    def __init__(self, talk: NodeTalk) -> None:
        self._talk = talk

    async def first(self, question: ConnectionsOf) -> ConnectionPage:
        """Return the first connections of all nodes."""
        answers = await self._talk.ask(question, NodeConnections)
        items = _first_of((answer.items for _, answer in answers), question)
        total = sum(answer.total for _, answer in answers)
        return ConnectionPage(items, total, len(answers.missing))

    async def close(self, key: str) -> Closed:
        """Close a connection.

        Raises `NotFound` if there is none with this *key*, `Unavailable` if a node that may have it does
        not answer.
        """
        answers = await self._talk.ask(CloseConnection(key), Closed)
        if any(answer.closed for _, answer in answers):
            return Closed(True)
        if answers.missing:
            raise Unavailable(f"a node did not answer, and may have the connection {key!r}: try again")
        raise NotFound(f"there is no connection {key!r}: list them again")


def _first_of(lists: Iterable[list[ConnectionInfo]], question: ConnectionsOf) -> list[ConnectionInfo]:
    rank = _ORDERS[question.sort].of_info
    infos = [info for items in lists for info in items]
    return sorted(infos, key=lambda info: (rank(info), info.key))[: question.count]


def _matches(connection: GatewayProtocol, question: ConnectionsOf) -> bool:
    if question.user_id and question.user_id != _user_of(connection):
        return False
    return not question.address or connection.outbound.peer.startswith(question.address)
