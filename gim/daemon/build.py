"""The parts of a daemon. Each is made when the first part that needs it is made."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from twisted.application.service import Service
from twisted.internet.interfaces import IListeningPort
from twisted.python.components import Componentized

from gim.api.routes.admin import AdminRoutes
from gim.api.server.access import AccessControl
from gim.api.server.site import ApiSite
from gim.chat.administration import Administration
from gim.chat.chat import Chat
from gim.chat.moderation import Moderation
from gim.concurrency.clocks import WallClock
from gim.concurrency.turns import Turns
from gim.config.settings import Settings
from gim.config.validate import Resources
from gim.daemon.banner import StartupBanner
from gim.daemon.build_api import route_names, route_sets
from gim.daemon.build_auth import make_admission
from gim.daemon.build_reloading import make_reloader
from gim.daemon.build_storage import Store, make_store, make_webhooks
from gim.daemon.daemon import Daemon
from gim.daemon.gc_tuning import GcTuner
from gim.daemon.signals import StopSignals
from gim.gateway import closing
from gim.gateway.admission import ConnectionAdmission
from gim.gateway.factory import GatewayFactory
from gim.gateway.operations import Operations
from gim.gateway.timeout_wheel import TimeoutWheel
from gim.gateway.transport import write_at_once
from gim.gateway.write_batch import WriteBatch
from gim.limits.limits import OPEN_FILES, LimitHits
from gim.limits.overload import Overload
from gim.limits.rate_per_second import login_rate
from gim.limits.read_rate import ReadRate
from gim.limits.report import LimitReport
from gim.log.output import prepare_log
from gim.metrics.export.meters import Meters
from gim.metrics.export.page import PageSource
from gim.net.endpoints import speaks_proxy
from gim.net.listening import Listening
from gim.net.open_files import OpenFiles
from gim.profiling.profiler import Profiler
from gim.profiling.profiles import OnlyProcess, Profiles
from gim.push.dispatcher import PushDispatcher
from gim.storage.interface import Storage
from gim.storage.settings import RedisSettings
from gim.storage.storage_limits import StorageLimits
from gim.webhooks.service import Webhooks
from gim.wire.json import JsonCodec
from gim.wire.packets import Codec
from gim.wire.proto import ProtoCodec
from gim.wire.requests import OPERATIONS


class DaemonBuilder:
    """Every part, by the name that other parts ask for it with."""

    def __init__(
        self,
        settings: Settings,
        resources: Resources,
        reactor: Any,
        wall: WallClock,
        twistd: Mapping[str, Any] | None = None,
    ) -> None:
        """*twistd* holds the options of twistd or twist, None where a .tac file makes the daemon."""
        self._settings = settings
        self._resources = resources
        self._reactor = reactor
        self._wall = wall
        self._twistd = twistd
        self._meters = Meters(reactor, OPERATIONS, route_names()) if settings.daemon.metrics else None
        self._limits, self._hits = settings.limits, LimitHits(settings.are_limits_enforced)
        limit_of_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._open_files = OpenFiles(limit_of_files, self._close_idle_http)
        self._overload = Overload(reactor, self._limits.max_reactor_delay, self._limits.max_memory)
        self._read_rate = ReadRate(self._limits, self._hits, reactor)
        self._login_rate = login_rate(self._limits, self._hits, reactor)
        self._write_batch = WriteBatch(reactor)
        self._turns = Turns(reactor)
        self._profiler = Profiler(reactor, wall)
        self._stored, self._counted, *self._store_services = self._make_store()
        self._webhooks, use_webhook_secret = self._make_webhooks()
        self._admission = make_admission(settings.auth, resources.keyring, self._store, wall)
        self._reloader = make_reloader(
            settings,
            resources,
            reactor,
            use_admin_key=lambda key: self._access.use_admin_key(key),
            use_webhook_secret=use_webhook_secret,
        )

    def _make_store(self) -> Store:
        """Return the storage, a count of its messages if it knows it, and the services that it needs."""
        limits = StorageLimits.of(self._limits, self._hits, self._reactor)
        return make_store(self._settings.storage, limits, self._reactor, self._wall, self._meters)

    def _make_webhooks(self) -> tuple[Webhooks | None, Callable[[bytes], None]]:
        """Return the webhooks of this process if it has any, and what has them use another secret."""
        secret = self._resources.webhook_secret
        return make_webhooks(self._settings.webhooks, secret, self._stored, self._reactor, self._wall)

    def daemon(self) -> Daemon:
        """Return the daemon with all its services."""
        gateway, drain = self._gateway_port, self._settings.daemon.drain
        daemon = Daemon(self._chat, self._gateway, gateway, self._reactor, drain, self._prepare_process)
        StopSignals(self._reactor, daemon.hurry).setServiceParent(daemon)
        for service in self._services():
            service.setServiceParent(daemon)
        return daemon

    def _prepare_process(self, application: Componentized) -> None:
        """Set up what the process has one of: its log, and what SIGHUP does."""
        file = prepare_log(self._settings.log, self._twistd, application)
        if file is not None:
            self._reloader.add("--logfile", file.open_again)
        self._reloader.take_signals()

    def _services(self) -> Iterator[Service]:
        """Yield all services in the order in which they start."""
        yield GcTuner(self._reactor)
        yield from self._store_services
        yield from self._meters.services if self._meters is not None else ()
        if self._webhooks is not None:
            yield self._webhooks
        yield from (self._timeout_wheel, self._read_rate, self._login_rate)
        yield self._overload
        yield LimitReport(self._hits, self._reactor)
        yield from (self._profiler, self._api_port, self._gateway_port)
        yield StartupBanner(self._settings, self._gateway_port, self._api_port, self._is_open)

    @property
    def _is_open(self) -> bool:
        """Whether logins need no token."""
        return self._resources.keyring is None

    # the chat

    @cached_property
    def _store(self) -> Storage:
        """The storage as the chat has it: with webhooks, what happens in it becomes events."""
        return self._stored if self._webhooks is None else self._webhooks.observed()

    @cached_property
    def _pushes(self) -> PushDispatcher:
        return PushDispatcher(
            self._store,
            self._reactor,
            self._wall,
            self._settings.push,
            before_slice=self._write_batch.flush,
            replaced=self._data_lost,
        )

    def _data_lost(self) -> None:
        if self._webhooks is not None:
            self._webhooks.data_lost()
        self._gateway.close_all(closing.DATA_SET_CHANGED)

    @cached_property
    def _chat(self) -> Chat:
        return Chat(
            self._store,
            self._pushes,
            self._admission,
            self._wall,
            self._settings.chat,
            self._hits,
            self._read_rate,
            is_overloaded=lambda: self._hits.is_enforced and bool(self._overload.cause),
        )

    @cached_property
    def _moderation(self) -> Moderation:
        return Moderation(self._store)

    # the gateway

    @cached_property
    def _timeout_wheel(self) -> TimeoutWheel:
        return TimeoutWheel(self._reactor, self._wall, self._settings.gateway.timeouts.shortest())

    @cached_property
    def _gateway(self) -> GatewayFactory:
        meters = self._meters
        codecs: dict[str, Codec] = {"json": JsonCodec(), "proto": ProtoCodec()}
        return GatewayFactory(
            self._settings.gateway,
            Operations(self._chat, self._moderation, self._reactor),
            codecs,
            self._limits,
            self._hits,
            self._connection_admission,
            self._timeout_wheel,
            self._write_batch,
            self._turns,
            self._reactor,
            self._pushes.flush_to,
            meters.requests if meters is not None else None,
            self._open_files.max_waiting,
        )

    @property
    def _connection_admission(self) -> ConnectionAdmission:
        net = self._settings.net
        proxied = speaks_proxy(net.gateway_address)
        return ConnectionAdmission(
            self._limits,
            self._hits,
            net.proxies,
            lambda: self._overload.cause,
            self._open_files.are_short,
            proxied,
        )

    @cached_property
    def _gateway_port(self) -> Listening:
        where = self._resources.gateway
        return Listening("gateway", where, self._gateway, self._prepare_gateway_port, at_once=False)

    def _prepare_gateway_port(self, port: IListeningPort) -> None:
        write_at_once(port)
        self._open_files.guard_gateway(port, lambda: self._hits.hit(OPEN_FILES))

    # the HTTP API

    @cached_property
    def _admin_routes(self) -> AdminRoutes | None:
        if self._resources.admin_key is None:
            return None
        administration = Administration(self._chat, self._store, self._wall)
        return AdminRoutes(administration, self._moderation)

    @cached_property
    def _page(self) -> PageSource | None:
        if self._meters is None:
            return None
        return self._meters.page(
            self._gateway,
            self._pushes,
            "redis" if isinstance(self._settings.storage, RedisSettings) else "memory",
            self._counted,
            self._hits,
            self._overload,
            self._webhooks.counts if self._webhooks is not None else None,
        )

    @cached_property
    def _profiles(self) -> Profiles:
        return OnlyProcess(self._profiler)

    @cached_property
    def _access(self) -> AccessControl:
        return AccessControl(self._chat.user_of_token, self._resources.admin_key)

    @cached_property
    def _site(self) -> ApiSite:
        settings, meters = self._settings.api, self._meters
        return ApiSite(
            route_sets(settings, self._chat, self._profiles, self._page, self._admin_routes),
            settings,
            self._hits,
            self._reactor,
            access=self._access,
            login_rate=self._login_rate,
            turns=self._turns,
            requests=meters.http_requests if meters is not None else None,
            proxies=self._settings.net.proxies,
        )

    @cached_property
    def _api_port(self) -> Listening:
        return Listening("api", self._resources.api, self._site, self._prepare_api_port)

    def _prepare_api_port(self, port: IListeningPort) -> None:
        self._open_files.guard_http(port, lambda: self._hits.hit(OPEN_FILES))

    def _close_idle_http(self, keep: int) -> bool:
        """Close the connection of HTTP that is idle longest, if more than *keep* are."""
        is_closed = self._site.idle.close_longest(keep)
        if is_closed:
            self._hits.hit(OPEN_FILES)
        return is_closed
