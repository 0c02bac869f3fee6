"""The routes of the administrator that show connections and what passes through them."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType
from twisted.web.iweb import IRequest

from gim import ids
from gim.api.decoding import from_query
from gim.api.envelope import answer
from gim.api.openapi.describe import EVENTS, Access, describe
from gim.api.server.app import App
from gim.api.server.event_stream import EventStream
from gim.errors import NotFound, TooManyRequests
from gim.inspection.connections import Closed, ConnectionList, ConnectionPage, ConnectionsOf, Sort
from gim.inspection.traces import MAX_SECONDS, Traces
from gim.wire.fields import Id

MAX_COUNT = 500  # connections of a page: an answer of a node is a message of 256 KiB at most

_describe = partial(describe, group="administration", access=Access.ADMIN)


class ConnectionsQuery(Struct, frozen=True):
    """Which connections, how many of them, and which ones first."""

    sort: Annotated[
        Sort,
        Meta(
            description="unsent: most bytes that wait for their reader; bytes: most bytes in both"
            " directions; age: newest login; idle: silent for longest; user: in order of their ids"
        ),
    ] = "unsent"
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT)] = 100
    user: Annotated[Id, Meta(description="only connections of this user")] | UnsetType = UNSET
    address: Annotated[
        str, Meta(max_length=64, description="only from addresses that begin with this text")
    ] = ""


class TraceQuery(Struct, frozen=True):
    """Whether contents and names are shown, and after how many seconds the trace ends."""

    content: bool = False
    seconds: Annotated[int, Meta(ge=1, le=MAX_SECONDS)] = MAX_SECONDS


class ConnectionRoutes:
    """Decodes requests, asks all nodes, encodes answers."""

    app = App()

    def __init__(self, connections: ConnectionList, traces: Traces) -> None:
        self._connections = connections
        self._traces = traces

    @app.route("/v1/admin/connections", methods=["GET"])
    @_describe(
        "Connections to all nodes, logged in or not, in an order.",
        returns=ConnectionPage,
        query=ConnectionsQuery,
    )
    async def list_connections(self, request: IRequest) -> bytes:
        query = from_query(request, ConnectionsQuery)
        user = "" if query.user is UNSET else ids.check_id(query.user, "user")
        question = ConnectionsOf(query.sort, query.count, user, query.address)
        return answer(request, await self._connections.first(question))

    @app.route("/v1/admin/connections/<key>", methods=["DELETE"])
    @_describe(
        "Close a connection, logged in or not.",
        returns=Closed,
        refuses=(NotFound,),
    )
    async def close_connection(self, request: IRequest, key: str) -> bytes:
        return answer(request, await self._connections.close(key))

    @app.route("/v1/admin/users/<user_id>/trace", methods=["GET"])
    @_describe(
        "What passes through the connections of a user, as it happens.",
        media=(EVENTS,),
        query=TraceQuery,
        refuses=(TooManyRequests,),
    )
    async def trace(self, request: IRequest, user_id: str) -> EventStream:
        query = from_query(request, TraceQuery)
        ids.check_id(user_id, "id")
        self._traces.check()
        stream = EventStream(request)
        self._traces.begin(user_id, query.content, query.seconds, stream)
        return stream
