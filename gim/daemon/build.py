"""The parts of a daemon, each made when the first that needs it is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from typing import Any

from twisted.application.service import Service

from gim.api.routes.admin import AdminRoutes
from gim.api.server.access import AccessControl
from gim.api.server.site import ApiSite
from gim.chat.administration import Administration
from gim.chat.chat import Chat
from gim.chat.moderation import Moderation
from gim.config.limit_options import limits_of, overload_of
from gim.config.options import Options
from gim.config.types import speaks_proxy
from gim.daemon.banner import StartupBanner
from gim.daemon.build_api import route_names, route_sets
from gim.daemon.build_auth import endpoint, make_admission, read_admin_key
from gim.daemon.build_storage import make_store, make_webhooks
from gim.daemon.daemon import Daemon, Signals
from gim.daemon.gc_tuning import GcTuner
from gim.gateway import closing
from gim.gateway.admission import ConnectionAdmission
from gim.gateway.factory import GatewayFactory
from gim.gateway.operations import Operations
from gim.gateway.settings import GatewaySettings
from gim.gateway.timeout_wheel import Timeouts, TimeoutWheel
from gim.gateway.transport import write_at_once
from gim.gateway.write_batch import WriteBatch
from gim.limits.report import LimitReport
from gim.limits.send_rate import SendRate
from gim.log.output import prepare_log
from gim.metrics.export.meters import Meters
from gim.metrics.export.page import MetricsPage
from gim.net.client_address import NO_PROXIES, Proxies
from gim.net.listening import Listening
from gim.profiling.profiler import Profiler
from gim.push.chatroom import PushPolicy
from gim.push.dispatcher import PushDispatcher
from gim.storage.interface import Storage
from gim.wire.json import JsonCodec
from gim.wire.packets import Codec
from gim.wire.proto import ProtoCodec
from gim.wire.requests import OPERATIONS


class DaemonBuilder:
    """Every part, by the name that others ask for it with."""

    def __init__(self, options: Options, reactor: Any) -> None:
        self._options = options
        self._reactor = reactor
        self._meters = Meters(reactor, OPERATIONS, route_names()) if options["metrics"] else None
        self._limits, self._overload = limits_of(options), overload_of(options, reactor)
        self._send_rate = SendRate(self._limits, reactor)
        self._write_batch = WriteBatch(reactor)
        self._profiler = Profiler(reactor)
        self._stored, self._counted, *self._store_services = make_store(
            options, self._limits, reactor, self._meters
        )
        self._webhooks = make_webhooks(options, self._stored, reactor)
        self._admission, *self._auth_services = make_admission(options, self._store, reactor)

    def daemon(self) -> Daemon:
        """Return the daemon with all that belongs to it."""
        gateway, drain = self._gateway_port, self._options["drain"]
        prepare = partial(prepare_log, self._options)
        daemon = Daemon(self._chat, self._gateway, gateway, self._reactor, drain, prepare)
        Signals(self._reactor, daemon.hurry).setServiceParent(daemon)
        for service in self._services():
            service.setServiceParent(daemon)
        return daemon

    def _services(self) -> Iterator[Service]:
        """Yield all services in the order in which they start."""
        yield GcTuner(self._reactor)
        yield from self._store_services
        yield from self._meters.services if self._meters is not None else ()
        yield from self._auth_services
        if self._webhooks is not None:
            yield self._webhooks
        yield from (self._timeout_wheel, self._send_rate, self._overload)
        yield LimitReport(self._limits, self._reactor)
        yield from (self._profiler, self._api_port, self._gateway_port)
        yield StartupBanner(self._options, self._gateway_port, self._api_port, self._is_open)

    @property
    def _is_open(self) -> bool:
        """Whether logins need no token."""
        return not self._auth_services

    @property
    def _proxies(self) -> Proxies:
        return self._options["trusted-proxies"] or NO_PROXIES

    # the chat

    @cached_property
    def _store(self) -> Storage:
        """The storage as the chat has it: observed where somebody is to be told."""
        return self._stored if self._webhooks is None else self._webhooks.observed()

    @cached_property
    def _pushes(self) -> PushDispatcher:
        options = self._options
        return PushDispatcher(
            self._store,
            self._reactor,
            PushPolicy(options["message-push-duration"], options["message-push-count"]),
            options["message-push-concurrency-limit"],
            before_slice=self._write_batch.flush,
            replaced=self._data_lost,
            limits=self._limits,
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
            self._reactor,
            self._options["max-content"],
            self._limits,
            self._send_rate,
            is_overloaded=lambda: self._limits.enforced and bool(self._overload.cause),
        )

    @cached_property
    def _moderation(self) -> Moderation:
        return Moderation(self._store)

    # the gateway

    @cached_property
    def _timeouts(self) -> Timeouts:
        options = self._options
        return Timeouts(
            handshake=options["handshake-timeout"],
            login=options["login-timeout"],
            heartbeat=options["heartbeat-interval"],
        )

    @cached_property
    def _timeout_wheel(self) -> TimeoutWheel:
        return TimeoutWheel(self._reactor, self._timeouts.shortest())

    @cached_property
    def _gateway(self) -> GatewayFactory:
        options, meters = self._options, self._meters
        codecs: dict[str, Codec] = {"json": JsonCodec(), "proto": ProtoCodec()}
        settings = GatewaySettings(
            max_packet=options["max-packet"],
            max_unsent=options["max-unsent"],
            trace_header=options["trace-header"],
            origins=options["allowed-origins"],
            timeouts=self._timeouts,
            default_codec=options["message-protocol"],
        )
        return GatewayFactory(
            settings,
            Operations(self._chat, self._moderation),
            codecs,
            self._limits,
            self._connection_admission,
            self._timeout_wheel,
            self._write_batch,
            self._reactor,
            self._pushes.flush_to,
            meters.requests if meters is not None else None,
        )

    @property
    def _connection_admission(self) -> ConnectionAdmission:
        proxied = speaks_proxy(self._options["gateway-address"])
        return ConnectionAdmission(self._limits, self._proxies, lambda: self._overload.cause, proxied)

    @cached_property
    def _gateway_port(self) -> Listening:
        where = endpoint("gateway", "gateway-address", self._options, self._reactor)
        return Listening("gateway", where, self._gateway, write_at_once, at_once=False)

    # the HTTP API

    @cached_property
    def _admin_key(self) -> bytes | None:
        return read_admin_key(self._options)

    @cached_property
    def _admin_routes(self) -> AdminRoutes | None:
        if self._admin_key is None:
            return None
        administration = Administration(self._chat, self._store, self._reactor)
        return AdminRoutes(administration, self._moderation)

    @cached_property
    def _page(self) -> MetricsPage | None:
        if self._meters is None:
            return None
        return self._meters.page(
            self._gateway,
            self._pushes,
            self._options["storage"],
            self._counted,
            self._limits,
            self._overload,
            self._webhooks.counts if self._webhooks is not None else None,
        )

    @cached_property
    def _site(self) -> ApiSite:
        options, meters = self._options, self._meters
        return ApiSite(
            route_sets(options, self._chat, self._profiler, self._page, self._admin_routes),
            self._reactor,
            access=AccessControl(self._chat.user_of_token, self._admin_key),
            max_body=options["max-packet"],
            trace_header=options["trace-header"],
            requests=meters.http_requests if meters is not None else None,
            origins=options["allowed-origins"],
            limits=self._limits,
            proxies=self._proxies,
        )

    @cached_property
    def _api_port(self) -> Listening:
        where = endpoint("api", "api-address", self._options, self._reactor, alone=self._is_open)
        return Listening("api", where, self._site)
