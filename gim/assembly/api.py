"""What the HTTP API serves."""

from __future__ import annotations

from gim.api.admin import AdminDoor, AdminRoutes
from gim.api.describing import RouteSet
from gim.api.documents import Documents
from gim.api.metrics import MetricsRoutes
from gim.api.profiling import ProfilingRoutes
from gim.api.routes import Routes
from gim.chat.chat import Chat
from gim.metrics.page import MetricsPage
from gim.options import Options
from gim.profiling.profiler import Profiler


def route_sets(
    options: Options, chat: Chat, profiler: Profiler, page: MetricsPage | None, admin: AdminDoor | None
) -> list[RouteSet]:
    """Return all that the HTTP API serves but what is behind *admin*, which is described with it."""
    served: list[RouteSet] = [Routes(chat)]
    if page is not None:
        served.append(MetricsRoutes(page))
    if options["enable-profiling"]:
        served.append(ProfilingRoutes(profiler, admin.key if admin is not None else None))
    behind = [admin.routes] if admin is not None else []
    return [*served, Documents([*served, *behind], options["trace-header"])]


def route_names() -> list[str]:
    """Return the names of all routes there may be."""
    sets = Routes, AdminRoutes, MetricsRoutes, ProfilingRoutes, Documents
    return [name for routes in sets for name in routes.app.endpoints]
