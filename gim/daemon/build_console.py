"""The console: who is logged in to it, and what it knows of the server."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from gim.api.openapi.describe import RouteSet
from gim.api.routes.console import ConsoleFacts, ConsoleRoutes
from gim.api.routes.console_door import ConsoleDoorRoutes
from gim.api.server.access import AccessControl
from gim.auth.short_tokens import ShortTokens
from gim.concurrency.clocks import WallClock
from gim.config.settings import Settings
from gim.config.validate import Resources
from gim.console.door import Door, Talk
from gim.console.files import sources
from gim.console.session import ConsoleSessions
from gim.console.wrong_keys import WrongKeys
from gim.net.endpoints import scheme_and_port
from gim.net.listening import Listening
from gim.net.origins import host_name
from gim.storage.interface import Storage
from gim.storage.settings import MemorySettings


class GatewayUrl:
    """Where clients reach the gateway's own port."""

    def __init__(self, endpoint: str, port: Listening) -> None:
        """*endpoint* is the endpoint string of the *port*."""
        self._endpoint = endpoint
        self._port = port

    def at(self, host: str) -> str | None:
        """Return its URL for the header Host of a request, None for a port that only a proxy knows."""
        found, name = scheme_and_port(self._endpoint), host_name(host)
        if found is None or name is None:
            return None
        scheme, number = found
        if not number and self._port.port is not None:  # the system has chosen one
            number = getattr(self._port.port.getHost(), "port", 0)
        return f"{scheme}://{name}:{number}" if number else None


def make_sessions(
    settings: Settings, resources: Resources, store: Storage, wall: WallClock
) -> ConsoleSessions | None:
    """Return the sessions of the console, None without one."""
    if not settings.console.console:
        return None
    return ConsoleSessions(store.token_key, wall, resources.admin_key)


def console_routes(
    settings: Settings,
    resources: Resources,
    access: AccessControl,
    sessions: ConsoleSessions | None,
    talk: Talk,
    gateway: Listening,
    clock: IReactorTime,
    wall: WallClock,
) -> list[RouteSet]:
    """Return what serves the console: nothing without *sessions*."""
    if sessions is None:
        return []
    auth, is_read_only = settings.auth, settings.console.console_read_only
    tokens = ShortTokens(resources.keyring, wall, auth.auth_audience, auth.auth_issuer)
    facts = ConsoleFacts(
        login_needs_token=resources.keyring is not None,
        storage=settings.storage.kind,
        journal=isinstance(settings.storage, MemorySettings) and settings.storage.journal is not None,
        max_content=settings.chat.max_content,
        read_only=is_read_only,
        gateway_at=GatewayUrl(settings.net.gateway_address, gateway).at,
    )
    pages = ConsoleRoutes(sources(), access, tokens, facts)
    if resources.admin_key is None:
        return [pages]
    door = Door(access.is_key, sessions, WrongKeys(clock), talk)
    return [pages, ConsoleDoorRoutes(door, sessions, access, tokens, is_read_only)]
