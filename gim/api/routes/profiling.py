"""The routes of profiling, as docs/profiling.md has them; they are there with ``--profiling`` only."""

from __future__ import annotations

from twisted.web.iweb import IRequest

from gim.api.decoding import from_query
from gim.api.envelope import answer, plain
from gim.api.openapi import html
from gim.api.openapi.describe import BINARY, HTML, TEXT, describe
from gim.api.routes.inputs import CpuQuery, HeapQuery, TracingQuery
from gim.api.server.admin_key import AdminKey
from gim.api.server.app import App
from gim.api.server.local import check_local
from gim.errors import Conflict, Forbidden
from gim.model import NOTHING, Nothing
from gim.profiling import pprof
from gim.profiling.profile import Profile, folded
from gim.profiling.profiler import Profiler


class ProfilingRoutes:
    """Hands requests of the operator to the profiler."""

    app = App()
    app.url_map.strict_slashes = False  # the index is there without its slash too

    def __init__(self, profiler: Profiler, key: AdminKey | None = None) -> None:
        """Whoever has the *key* may ask from another machine too."""
        self._profiler = profiler
        self._key = key

    @app.route("/debug/pprof/", methods=["GET"])
    @describe(
        "What can be profiled, and how.",
        "profiling",
        media=(HTML,),
        needs_token=False,
        refuses=(Forbidden,),
    )
    async def profiles(self, request: IRequest) -> bytes:
        check_local(request, self._key)
        port = getattr(request.getHost(), "port", 8081)
        return plain(request, HTML, html.profiles(port, self._profiler.is_tracing))

    @app.route("/debug/pprof/profile", methods=["GET"])
    @describe(
        "Where the CPU time goes: a sample for each 10 ms of it, for some seconds from now.",
        "profiling",
        media=(BINARY, TEXT),
        query=CpuQuery,
        needs_token=False,
        refuses=(Forbidden, Conflict),
    )
    async def cpu_profile(self, request: IRequest) -> bytes:
        check_local(request, self._key)
        query = from_query(request, CpuQuery)
        return _written(request, await self._profiler.cpu(query.seconds), query.format)

    @app.route("/debug/pprof/heap", methods=["GET"])
    @describe(
        "What was allocated since the tracing of memory began, and is alive.",
        "profiling",
        media=(BINARY, TEXT),
        query=HeapQuery,
        needs_token=False,
        refuses=(Forbidden, Conflict),
    )
    async def heap_profile(self, request: IRequest) -> bytes:
        check_local(request, self._key)
        query = from_query(request, HeapQuery)
        return _written(request, await self._profiler.memory(), query.format)

    @app.route("/debug/pprof/heap", methods=["PUT"])
    @describe(
        "Begin to trace memory. All is ten times slower meanwhile.",
        "profiling",
        returns=Nothing,
        query=TracingQuery,
        needs_token=False,
        refuses=(Forbidden, Conflict),
    )
    async def start_tracing(self, request: IRequest) -> bytes:
        check_local(request, self._key)
        query = from_query(request, TracingQuery)
        self._profiler.start_tracing(query.seconds, query.frames)
        return answer(request, NOTHING)

    @app.route("/debug/pprof/heap", methods=["DELETE"])
    @describe(
        "Trace memory no more, and forget what was traced.",
        "profiling",
        returns=Nothing,
        needs_token=False,
        refuses=(Forbidden,),
    )
    async def stop_tracing(self, request: IRequest) -> bytes:
        check_local(request, self._key)
        self._profiler.stop_tracing()
        return answer(request, NOTHING)


def _written(request: IRequest, profile: Profile, format: str) -> bytes:
    if format == "folded":
        return plain(request, TEXT, folded(profile))
    return plain(request, BINARY, pprof.encode(profile))
