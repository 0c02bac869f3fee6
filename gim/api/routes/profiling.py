"""The routes of profiling: docs/profiling.md. They exist only with ``--profiling``."""

from __future__ import annotations

from twisted.web.iweb import IRequest

from gim.api.decoding import from_query
from gim.api.envelope import answer, plain
from gim.api.openapi import html
from gim.api.openapi.describe import BINARY, HTML, TEXT, Access, describe
from gim.api.routes.inputs import CpuQuery, HeapQuery, TracingQuery
from gim.api.server.app import App
from gim.errors import Conflict
from gim.model import NOTHING, Nothing
from gim.profiling import pprof
from gim.profiling.profile import Profile, folded
from gim.profiling.profiler import Profiler


class ProfilingRoutes:
    """Decodes requests, calls the profiler, encodes answers."""

    app = App()
    app.url_map.strict_slashes = False  # the index is there without its slash too

    def __init__(self, profiler: Profiler) -> None:
        self._profiler = profiler

    @app.route("/debug/pprof/", methods=["GET"])
    @describe(
        "A page that lists the profiles.",
        "profiling",
        access=Access.LOCAL,
        media=(HTML,),
    )
    async def profiles(self, request: IRequest) -> bytes:
        port = getattr(request.getHost(), "port", 8081)
        return plain(request, HTML, html.profiles(port, self._profiler.is_tracing))

    @app.route("/debug/pprof/profile", methods=["GET"])
    @describe(
        "A CPU profile of the next seconds, with a sample for each 10 ms of CPU time.",
        "profiling",
        access=Access.LOCAL,
        media=(BINARY, TEXT),
        query=CpuQuery,
        refuses=(Conflict,),
    )
    async def cpu_profile(self, request: IRequest) -> bytes:
        query = from_query(request, CpuQuery)
        return _written(request, await self._profiler.cpu(query.seconds), query.format)

    @app.route("/debug/pprof/heap", methods=["GET"])
    @describe(
        "A profile of the memory that was allocated since tracing started and is still in use.",
        "profiling",
        access=Access.LOCAL,
        media=(BINARY, TEXT),
        query=HeapQuery,
        refuses=(Conflict,),
    )
    async def heap_profile(self, request: IRequest) -> bytes:
        query = from_query(request, HeapQuery)
        return _written(request, await self._profiler.memory(), query.format)

    @app.route("/debug/pprof/heap", methods=["PUT"])
    @describe(
        "Start tracing memory, which makes everything ten times slower.",
        "profiling",
        access=Access.LOCAL,
        returns=Nothing,
        query=TracingQuery,
        refuses=(Conflict,),
    )
    async def start_tracing(self, request: IRequest) -> bytes:
        query = from_query(request, TracingQuery)
        self._profiler.start_tracing(query.seconds, query.frames)
        return answer(request, NOTHING)

    @app.route("/debug/pprof/heap", methods=["DELETE"])
    @describe(
        "Stop tracing memory and drop what was traced.",
        "profiling",
        access=Access.LOCAL,
        returns=Nothing,
    )
    async def stop_tracing(self, request: IRequest) -> bytes:
        self._profiler.stop_tracing()
        return answer(request, NOTHING)


def _written(request: IRequest, profile: Profile, format: str) -> bytes:
    if format == "folded":
        return plain(request, TEXT, folded(profile))
    return plain(request, BINARY, pprof.encode(profile))
