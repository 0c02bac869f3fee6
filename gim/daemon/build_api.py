"""What the HTTP API serves."""

from __future__ import annotations

from gim.api.openapi.describe import RouteSet
from gim.api.routes.admin import AdminRoutes
from gim.api.routes.chat import ChatRoutes
from gim.api.routes.connections import ConnectionRoutes
from gim.api.routes.console import ConsoleRoutes
from gim.api.routes.documents import Documents
from gim.api.routes.gateway import GatewayRoutes
from gim.api.routes.javascript import JavaScriptRoutes, modules
from gim.api.routes.live import LiveRoutes
from gim.api.routes.metrics import MetricsRoutes
from gim.api.routes.profiling import ProfilingRoutes
from gim.api.settings import ApiSettings
from gim.chat.chat import Chat
from gim.console.files import sources
from gim.console.settings import ConsoleSettings
from gim.metrics.export.page import PageSource
from gim.profiling.profiles import Profiles


def route_sets(
    settings: ApiSettings,
    chat: Chat,
    profiles: Profiles,
    live: LiveRoutes,
    page: PageSource | None,
    admin: AdminRoutes | None,
    connections: ConnectionRoutes | None,
    console: ConsoleSettings,
) -> list[RouteSet]:
    """Return all that the HTTP API serves; it does not serve what is None."""
    served: list[RouteSet] = [ChatRoutes(chat), GatewayRoutes(), JavaScriptRoutes(modules())]
    served.append(live)
    if page is not None:
        served.append(MetricsRoutes(page))
    if settings.enable_profiling:
        served.append(ProfilingRoutes(profiles))
    if admin is not None:
        served.append(admin)
    if connections is not None:
        served.append(connections)
    if console.console:
        served.append(ConsoleRoutes(sources()))
    return [*served, Documents(served, settings.trace_header)]


def route_names() -> list[str]:
    """Return the names of all routes there may be."""
    sets = (
        *(ChatRoutes, GatewayRoutes, AdminRoutes, JavaScriptRoutes, MetricsRoutes),
        *(LiveRoutes, ConnectionRoutes, ProfilingRoutes, ConsoleRoutes),
        Documents,
    )
    return [name for routes in sets for name in routes.app.endpoints]
