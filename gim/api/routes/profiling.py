"""The routes of profiling: docs/profiling.md. They exist only with ``--profiling``."""

from __future__ import annotations

from twisted.web.iweb import IRequest

from gim.api.decoding import from_query
from gim.api.envelope import answer, plain
from gim.api.openapi import html
from gim.api.openapi.describe import BINARY, HTML, TEXT, Access, describe
from gim.api.routes.inputs import CpuQuery, HeapQuery, TracingQuery, WorkerQuery
from gim.api.server.app import App
from gim.errors import Conflict, NotFound, Unavailable
from gim.model import NOTHING, Nothing
from gim.profiling.profiles import Format, Profiles

_MEDIA: dict[Format, str] = {"pprof": BINARY, "folded": TEXT}


class ProfilingRoutes:
    """Decodes requests, asks for profiles, encodes answers."""

    app = App()
    app.url_map.strict_slashes = False  # the index is there without its slash too

    def __init__(self, made: Profiles) -> None:
        self._made = made

    @app.route("/debug/pprof/", methods=["GET"])
    @describe(
        "A page that lists the profiles.",
        "profiling",
        access=Access.LOCAL,
        media=(HTML,),
    )
    async def profiles(self, request: IRequest) -> bytes:
        port = getattr(request.getHost(), "port", 8081)
        made = self._made
        return plain(request, HTML, html.profiles(port, made.is_tracing, made.number, made.workers))

    @app.route("/debug/pprof/profile", methods=["GET"])
    @describe(
        "A CPU profile of the next seconds, with a sample for each 10 ms of CPU time.",
        "profiling",
        access=Access.LOCAL,
        media=(BINARY, TEXT),
        query=CpuQuery,
        refuses=(NotFound, Conflict, Unavailable),
    )
    async def cpu_profile(self, request: IRequest) -> bytes:
        query = from_query(request, CpuQuery)
        profile = await self._made.cpu(query.worker, query.seconds, query.format)
        return plain(request, _MEDIA[query.format], profile)

    @app.route("/debug/pprof/heap", methods=["GET"])
    @describe(
        "A profile of the memory that was allocated since tracing started and is still in use.",
        "profiling",
        access=Access.LOCAL,
        media=(BINARY, TEXT),
        query=HeapQuery,
        refuses=(NotFound, Conflict, Unavailable),
    )
    async def heap_profile(self, request: IRequest) -> bytes:
        query = from_query(request, HeapQuery)
        profile = await self._made.memory(query.worker, query.format)
        return plain(request, _MEDIA[query.format], profile)

    @app.route("/debug/pprof/heap", methods=["PUT"])
    @describe(
        "Start tracing memory, which makes everything ten times slower.",
        "profiling",
        access=Access.LOCAL,
        returns=Nothing,
        query=TracingQuery,
        refuses=(NotFound, Conflict, Unavailable),
    )
    async def start_tracing(self, request: IRequest) -> bytes:
        query = from_query(request, TracingQuery)
        await self._made.start_tracing(query.worker, query.seconds, query.frames)
        return answer(request, NOTHING)

    @app.route("/debug/pprof/heap", methods=["DELETE"])
    @describe(
        "Stop tracing memory and drop what was traced.",
        "profiling",
        access=Access.LOCAL,
        returns=Nothing,
        query=WorkerQuery,
        refuses=(NotFound, Unavailable),
    )
    async def stop_tracing(self, request: IRequest) -> bytes:
        await self._made.stop_tracing(from_query(request, WorkerQuery).worker)
        return answer(request, NOTHING)
