"""What the HTTP API serves."""

from __future__ import annotations

from collections.abc import Sequence

from gim.api.openapi.describe import RouteSet
from gim.api.routes.admin import AdminRoutes
from gim.api.routes.batch import BatchRoutes
from gim.api.routes.chat import ChatRoutes
from gim.api.routes.connections import ConnectionRoutes
from gim.api.routes.console import ConsoleRoutes
from gim.api.routes.console_door import ConsoleDoorRoutes
from gim.api.routes.directory import DirectoryRoutes
from gim.api.routes.documents import Documents
from gim.api.routes.gateway import GatewayRoutes
from gim.api.routes.javascript import JavaScriptRoutes, modules
from gim.api.routes.live import LiveRoutes
from gim.api.routes.metrics import MetricsRoutes
from gim.api.routes.profiling import ProfilingRoutes
from gim.api.settings import ApiSettings
from gim.chat.chat import Chat
from gim.metrics.export.page import PageSource
from gim.profiling.profiles import Profiles


def route_sets(
    settings: ApiSettings,
    chat: Chat,
    profiles: Profiles,
    page: PageSource | None,
    admin: Sequence[RouteSet],
    console: list[RouteSet],
) -> list[RouteSet]:
    """Return all that the HTTP API serves; without *page* it serves no metrics. *admin* are the routes of
    the administrator."""
    served: list[RouteSet] = [ChatRoutes(chat), GatewayRoutes(), JavaScriptRoutes(modules())]
    if page is not None:
        served.append(MetricsRoutes(page))
    if settings.enable_profiling:
        served.append(ProfilingRoutes(profiles))
    served += admin
    served += console
    return [*served, Documents(served, settings.trace_header)]


def route_names() -> list[str]:
    """Return the names of all routes there may be."""
    apps = [
        ChatRoutes.app,
        GatewayRoutes.app,
        AdminRoutes.app,
        BatchRoutes.app,
        DirectoryRoutes.app,
        ConnectionRoutes.app,
        LiveRoutes.app,
        JavaScriptRoutes.app,
        MetricsRoutes.app,
        ProfilingRoutes.app,
        ConsoleRoutes.app,
        ConsoleDoorRoutes.app,
        Documents.app,
    ]
    return [name for app in apps for name in app.endpoints]
