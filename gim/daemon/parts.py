"""The parts of a process that serves clients. Each is made when the first part that needs it is made."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from twisted.application.service import Service
from twisted.internet.interfaces import IListeningPort

from gim.api.openapi.describe import RouteSet
from gim.api.server.access import AccessControl
from gim.api.server.site import ApiSite
from gim.chat.chat import Chat
from gim.chat.moderation import Moderation
from gim.concurrency.clocks import WallClock
from gim.concurrency.idle import IdleCheck
from gim.concurrency.turns import Turns
from gim.config.settings import Settings
from gim.config.validate import Resources
from gim.console.session import ConsoleSessions
from gim.daemon.build_admission import make_rules
from gim.daemon.build_api import route_names, route_sets
from gim.daemon.build_auth import make_admission
from gim.daemon.build_console import console_routes, make_sessions
from gim.daemon.build_inspection import Seen, admin_routes, make_sampler
from gim.daemon.build_reloading import add_files
from gim.daemon.build_storage import StoreParts, WebhookParts, make_store, make_webhooks
from gim.daemon.fatal_end import FatalEnd
from gim.daemon.gc_tuning import GcTuner
from gim.daemon.signals import Reloader
from gim.gateway import closing
from gim.gateway.admission import Admission, ConnectionAdmission
from gim.gateway.factory import GatewayFactory
from gim.gateway.operations import Operations
from gim.gateway.reading import DirectReads
from gim.gateway.timeout_wheel import TimeoutWheel
from gim.gateway.transport import write_at_once, write_at_once_later
from gim.gateway.write_batch import WriteBatch
from gim.inspection.figures import Figures, ParentFigures
from gim.inspection.node_talk import NodeTalk
from gim.inspection.readings import of_server
from gim.inspection.sampler import Sampler
from gim.limits.limits import OPEN_FILES, LimitHits
from gim.limits.overload import Overload
from gim.limits.rate_per_second import Rate, login_rate
from gim.limits.read_rate import ReadRate
from gim.limits.report import LimitReport
from gim.metrics.export.meters import Meters
from gim.metrics.export.page import MetricsPage, PageSource
from gim.metrics.instruments.health import Health
from gim.net.listening import Listening
from gim.net.open_files import OpenFiles
from gim.profiling.profiler import Profiler
from gim.profiling.profiles import OnlyProcess, Profiles
from gim.push.dispatcher import PushDispatcher
from gim.storage.interface import Storage
from gim.storage.settings import MemorySettings
from gim.storage.storage_limits import StorageLimits
from gim.webhooks.service import Webhooks
from gim.wire.json import JsonCodec
from gim.wire.packets import Codec
from gim.wire.proto import ProtoCodec
from gim.wire.requests import OPERATIONS


class NodeParts:
    """Every part, by the name that other parts ask for it with.

    As they are, they are those of a node that is one process. A worker puts others in the place of some.
    """

    _number: int | None = None  # of a worker

    def __init__(self, settings: Settings, resources: Resources, reactor: Any, wall: WallClock) -> None:
        self._settings = settings
        self._resources = resources
        self._reactor = reactor
        self._wall = wall
        self._meters = Meters(reactor, OPERATIONS, route_names()) if settings.daemon.metrics else None
        self._limits, self._hits = settings.limits, LimitHits(settings.are_limits_enforced)
        limit_of_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._open_files = OpenFiles(limit_of_files, self._close_idle_http)
        self._write_batch = WriteBatch(reactor)
        self._turns = Turns(reactor)
        self._profiler = Profiler(reactor, wall)
        self._fatal_end = FatalEnd(reactor)

    def _services(self) -> Iterator[Service]:
        """Yield all services in the order in which they start."""
        yield GcTuner(self._reactor)
        yield from self._store_parts.services
        yield from self._meters.services if self._meters is not None else ()
        yield from self._store_parts.when_restored(self._webhook_parts.services)
        yield from (self._timeout_wheel, self._read_rate)
        if isinstance(self._login_rate, Service):  # that of a worker runs in another process
            yield self._login_rate
        yield from (self._overload, self._sampler)
        yield LimitReport(self._hits, self._reactor)
        yield from (self._profiler, self._api_port, self._site.streams, self._gateway_port)
        yield DirectReads(self._reactor)

    # what is counted and limited

    @cached_property
    def _overload(self) -> Overload:
        return Overload(self._reactor, self._limits.max_reactor_delay, self._limits.max_memory)

    @cached_property
    def _read_rate(self) -> ReadRate:
        return ReadRate(self._limits, self._hits, self._reactor)

    @cached_property
    def _login_rate(self) -> Rate:
        return login_rate(self._limits, self._hits, self._reactor)

    # the storage

    @cached_property
    def _store_parts(self) -> StoreParts:
        limits = StorageLimits.of(self._limits, self._hits, self._reactor)
        return make_store(
            self._settings.storage,
            limits,
            self._reactor,
            self._wall,
            self._meters,
            self._fatal_end.end,
        )

    @cached_property
    def _webhook_parts(self) -> WebhookParts:
        settings, secret = self._settings.webhooks, self._resources.webhook_secret
        stored = self._store_parts.storage
        return make_webhooks(settings, secret, stored, self._reactor, self._wall)

    @property
    def _webhooks(self) -> Webhooks | None:
        return self._webhook_parts.webhooks

    @cached_property
    def _store(self) -> Storage:
        """The storage as the chat has it: with webhooks, what happens in it becomes events."""
        stored = self._store_parts.storage
        return stored if self._webhooks is None else self._webhooks.observed(stored)

    def _reload_files(self, reloader: Reloader) -> None:
        """Have a reloader read the files again that the settings name."""
        add_files(
            reloader,
            self._settings,
            self._resources,
            use_admin_key=self._access.use_admin_key,
            use_webhook_secret=self._webhook_parts.use_secret,
        )

    # the chat

    @cached_property
    def _pushes(self) -> PushDispatcher:
        return PushDispatcher(
            self._store,
            self._reactor,
            self._wall,
            self._settings.push,
            batch=self._write_batch,
            is_idle=IdleCheck(self._reactor).is_idle,
            replaced=self._data_lost,
            receive=self._node_talk.receive,
        )

    @cached_property
    def _node_talk(self) -> NodeTalk:
        return NodeTalk(self._store.nodes, self._store.listener, self._reactor)

    def _data_lost(self) -> None:
        if self._webhooks is not None:
            self._webhooks.data_lost()
        self._gateway.close_all(closing.DATA_SET_CHANGED)

    @cached_property
    def _chat(self) -> Chat:
        return Chat(
            self._store,
            self._pushes,
            make_admission(self._settings.auth, self._resources.keyring, self._store, self._wall),
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
            self._admission,
            self._timeout_wheel,
            self._write_batch,
            self._turns,
            self._reactor,
            self._pushes.flush_to,
            meters.requests if meters is not None else None,
            self._open_files.max_waiting,
        )

    @cached_property
    def _admission(self) -> Admission:
        overload, are_short = self._overload, self._open_files.are_short
        return make_rules(ConnectionAdmission, self._settings, self._hits, overload, are_short)

    @cached_property
    def _gateway_port(self) -> Listening:
        return Listening(
            "gateway",
            self._resources.gateway,
            self._gateway,
            self._prepare_gateway_port,
            at_once=False,
            is_announced=self._number is None,
        )

    def _prepare_gateway_port(self, port: IListeningPort) -> None:
        write_at_once(port)
        self._open_files.guard_gateway(port, lambda: self._hits.hit(OPEN_FILES))

    # the HTTP API

    @cached_property
    def _admin_routes(self) -> list[RouteSet]:
        seen = Seen(
            self._settings,
            self._store,
            self._chat,
            self._moderation,
            self._gateway,
            self._pushes,
            self._node_talk,
            self._reactor,
            self._wall,
        )
        return admin_routes(seen, self._resources, Figures(self._sampler, self._parent_figures))

    @property
    def _parent_figures(self) -> ParentFigures | None:
        return None

    @cached_property
    def _sampler(self) -> Sampler:
        stored, webhooks, number = self._store_parts.stored, self._webhooks, self._number or 0
        gateway, pushes, hits, overload = self._gateway, self._pushes, self._hits, self._overload
        health, meters = self._health, self._meters
        readings = of_server(gateway, pushes, hits, overload, health, meters, stored, webhooks)
        kind = self._settings.storage.kind
        return make_sampler(readings, self._store.node, number, kind, self._reactor, self._wall)

    @cached_property
    def _page(self) -> PageSource | None:
        return self._own_page

    @cached_property
    def _own_page(self) -> MetricsPage | None:
        if self._meters is None:
            return None
        durable = self._store_parts.durable
        return self._meters.page(
            self._gateway,
            self._pushes,
            self._settings.storage.kind,
            self._store_parts.kept,
            self._hits,
            self._overload,
            self._health,
            self._webhooks,
            self._number,
            durable.figures if durable is not None else None,
        )

    @cached_property
    def _health(self) -> Health:
        return Health(self._store, self._chat.check_serving, self._reactor)

    @cached_property
    def _profiles(self) -> Profiles:
        return OnlyProcess(self._profiler)

    @cached_property
    def _access(self) -> AccessControl:
        return AccessControl(
            self._chat.user_of_token,
            self._resources.admin_key,
            self._console_sessions,
            self._settings.console.console_read_only,
            self._check_started,
        )

    def _check_started(self) -> None:
        """Raise `Unavailable` before the memory store serves. Redis refuses requests itself."""
        if isinstance(self._settings.storage, MemorySettings):
            self._chat.check_started()

    @cached_property
    def _console_sessions(self) -> ConsoleSessions | None:
        return make_sessions(self._settings, self._resources, self._store, self._wall)

    @property
    def _console_routes(self) -> list[RouteSet]:
        return console_routes(
            self._settings,
            self._resources,
            self._access,
            self._console_sessions,
            self._node_talk,
            self._gateway_port,
            self._reactor,
            self._wall,
        )

    @cached_property
    def _site(self) -> ApiSite:
        settings, meters = self._settings.api, self._meters
        return ApiSite(
            route_sets(
                settings,
                self._chat,
                self._profiles,
                self._page,
                self._admin_routes,
                self._console_routes,
            ),
            settings,
            self._hits,
            self._reactor,
            access=self._access,
            login_rate=self._login_rate,
            turns=self._turns,
            requests=meters.http_requests if meters is not None else None,
            proxies=self._settings.net.proxies,
            gateway=self._gateway,
        )

    @cached_property
    def _api_port(self) -> Listening:
        return Listening(
            "api",
            self._resources.api,
            self._site,
            self._prepare_api_port,
            is_announced=self._number is None,
        )

    def _prepare_api_port(self, port: IListeningPort) -> None:
        write_at_once_later(port)
        self._open_files.guard_http(port, lambda: self._hits.hit(OPEN_FILES))

    def _close_idle_http(self, keep: int) -> bool:
        """Close the connection of HTTP that is idle longest, if more than *keep* are."""
        is_closed = self._site.idle.close_longest(keep)
        if is_closed:
            self._hits.hit(OPEN_FILES)
        return is_closed
