"""``twistd gim``: builds every part and hands it what it needs. Nothing else knows concrete classes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet.interfaces import IStreamServerEndpoint

from gim.addresses import NO_PROXIES
from gim.announcing import Announcement
from gim.api.admin import AdminDoor, AdminRoutes
from gim.api.admin_key import AdminKey
from gim.api.describing import RouteSet
from gim.api.documents import Documents
from gim.api.metrics import MetricsRoutes
from gim.api.profiling import ProfilingRoutes
from gim.api.routes import Routes
from gim.api.site import ApiSite
from gim.auth import setup
from gim.auth.admission import Admission
from gim.auth.login_tokens import LoginTokens
from gim.chat.administration import Administration
from gim.chat.chat import Chat
from gim.chat.moderation import Moderation
from gim.chat.pushes import Pushes
from gim.chat.room import Interval
from gim.chat.send_rate import SendRate
from gim.daemon import Daemon, Signals
from gim.garbage import Garbage
from gim.gateway import closing
from gim.gateway.deadlines import Deadlines, Timeouts
from gim.gateway.entrance import Entrance
from gim.gateway.factory import GatewayFactory
from gim.gateway.operations import Operations
from gim.gateway.transport import write_at_once
from gim.gateway.turn import Turn
from gim.limit_log import LimitLog
from gim.limit_options import limits_of, overload_of
from gim.limits import Limits
from gim.listening import Listening, check_free, make_endpoint
from gim.log_output import prepare_log
from gim.metrics.meters import Meters
from gim.metrics.page import MetricsPage
from gim.options import Options, refuse_start
from gim.overload import Overload
from gim.profiling.profiler import Profiler
from gim.reloading import Reloading
from gim.storage.memory import MemoryStore
from gim.storage.room_limits import RoomLimits
from gim.storage.seam import Storage
from gim.storage.sweeper import Sweeper
from gim.tokens import AUDIENCE, OPEN_AUDIENCE, Tokens
from gim.values import on_loopback, speaks_proxy
from gim.webhooks.service import Webhooks
from gim.webhooks.setup import settings
from gim.wire.json import JsonCodec
from gim.wire.packets import REQUESTS, Codec
from gim.wire.proto import ProtoCodec

__all__ = ["Options", "makeService"]


def makeService(options: Options, reactor: Any = None) -> Daemon:
    """Return the daemon with all that belongs to it, ready to be started.

    Its services named ``gateway`` and ``api`` know the ports that they listen on.
    """
    if reactor is None:
        from twisted.internet import reactor  # late, so that twistd can still choose one
    meters = Meters(reactor, REQUESTS, _endpoints()) if options["metrics"] else None
    limits, overload = limits_of(options), overload_of(options, reactor)
    send_rate = SendRate(limits, reactor)
    store, stored, *store_services = _store(options, limits, reactor, meters)
    webhooks = _webhooks(options, store, reactor)
    if webhooks is not None:
        store = webhooks.observed()
    interval = Interval(options["message-push-duration"], options["message-push-count"])
    turn = Turn(reactor)
    pushes = Pushes(
        store,
        reactor,
        interval,
        options["message-push-concurrency-limit"],
        before_slice=turn.flush,
        replaced=lambda: _data_lost(gateway, webhooks),
        limits=limits,
    )
    admission, *auth_services = _admission(options, store, reactor)
    is_open = not auth_services
    chat = Chat(
        store,
        pushes,
        admission,
        reactor,
        options["max-content"],
        limits,
        send_rate,
        is_overloaded=lambda: limits.enforced and bool(overload.cause),
    )
    moderation = Moderation(store)
    operations = Operations(chat, moderation)
    deadlines, gateway = _gateway(options, operations, turn, reactor, meters, limits, overload)
    profiler = Profiler(reactor)
    page = None
    if meters is not None:
        told = webhooks.counts if webhooks is not None else None
        page = meters.page(gateway, pushes, options["storage"], stored, overload, told)
    admin = _admin_door(options, Administration(chat, store, reactor), moderation)
    site = ApiSite(
        _route_sets(options, chat, profiler, page, admin),
        reactor,
        max_body=options["max-packet"],
        trace_header=options["trace-header"],
        requests=meters.http_requests if meters is not None else None,
        origins=options["allowed-origins"],
        admin=admin,
        limits=limits,
        proxies=options["trusted-proxies"] or NO_PROXIES,
    )
    api = Listening("api", _endpoint("api", "api-address", options, reactor, alone=is_open), site)
    gateway_port = Listening(
        "gateway",
        _endpoint("gateway", "gateway-address", options, reactor),
        gateway,
        write_at_once,
        at_once=False,
    )
    daemon = Daemon(chat, gateway, gateway_port, reactor, options["drain"], partial(prepare_log, options))
    for service in (
        Signals(reactor, daemon.hurry),
        Garbage(reactor),
        *store_services,
        *(meters.services if meters is not None else ()),
        *auth_services,
        *([webhooks] if webhooks is not None else ()),
        deadlines,
        send_rate,
        overload,
        LimitLog(limits, reactor),
        profiler,
        api,
        gateway_port,
        Announcement(options, gateway_port, api, is_open),
    ):
        service.setServiceParent(daemon)
    return daemon


def _admin_door(
    options: Options, administration: Administration, moderation: Moderation
) -> AdminDoor | None:
    """Return the way in for the administrator if there is a key; or end the process."""
    try:
        key = setup.admin_key(options)
    except ValueError as error:
        refuse_start(str(error))
    return AdminDoor(AdminRoutes(administration, moderation), AdminKey(key)) if key else None


def _store(
    options: Options, bounds: Limits, reactor: Any, meters: Meters | None
) -> tuple[Storage, Callable[[], int] | None, *tuple[Service, ...]]:
    """Return the storage, what counts its messages if it knows, and the services that it needs."""
    limits = {
        "max_session_messages": options["max-session-messages"],
        "ttl": options["message-ttl"],
        "sequences": options["enable-message-sequence"],
        "rooms": RoomLimits(bounds),
    }
    if options["storage"] == "redis":
        redis = _redis_store(options, reactor, limits)
        return redis if meters is None else meters.measured(redis, all_appends=True), None
    store = MemoryStore(reactor, max_messages=options["max-messages"], **limits)
    storage = store if meters is None else meters.measured(store, all_appends=False)
    return storage, lambda: store.sizes()["messages"], Sweeper(store.sweep, reactor)


def _redis_store(options: Options, reactor: Any, limits: dict[str, Any]) -> Storage:
    """Return the Redis storage, or end the process if that Redis can't be used."""
    from gim.storage.redis.connecting import connect  # 7 MiB that the memory store has no use for
    from gim.storage.redis.probe import Unusable, probe
    from gim.storage.redis.store import RedisStore

    target = options["redis-url"]
    try:
        probe(target)
    except Unusable as error:
        refuse_start(f"{options.origin('redis-url')}: {error}")
    return RedisStore(connect(target, reactor), reactor, prefix=options["redis-prefix"], **limits)


def _webhooks(options: Options, store: Storage, reactor: Any) -> Webhooks | None:
    """Return what tells a backend of events, None if none is to be told; or end the process."""
    try:
        chosen = settings(options)
    except ValueError as error:
        refuse_start(str(error))
    if chosen is None:
        return None
    from gim.webhooks.receiver import Receiver  # treq, which others have no use for

    receiver = Receiver(chosen, reactor)
    return Webhooks(store, chosen.events, chosen.grace, receiver.post, reactor, receiver.close)


def _data_lost(gateway: GatewayFactory, webhooks: Webhooks | None) -> None:
    if webhooks is not None:
        webhooks.data_lost()
    gateway.turn_away(closing.DATA_SET_CHANGED, "data set changed: log in again")


def _route_sets(
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


def _endpoints() -> list[str]:
    """Return the names of all routes there may be."""
    sets = Routes, AdminRoutes, MetricsRoutes, ProfilingRoutes, Documents
    return [name for routes in sets for name in routes.app.endpoints]


def _admission(options: Options, store: Storage, reactor: Any) -> tuple[Admission, *tuple[Service, ...]]:
    """Return the way in, and where there are keys the service that has them read again; or end the
    process."""
    try:
        keyring = setup.keyring(options)
    except ValueError as error:
        refuse_start(str(error))
    if keyring is None:
        return (Admission(Tokens(store.token_key, reactor, store.ban_of, OPEN_AUDIENCE)),)
    logins = LoginTokens(keyring, reactor.seconds, options["auth-audience"], options["auth-issuer"])
    return Admission(Tokens(store.token_key, reactor, store.ban_of, AUDIENCE), logins), Reloading(
        reactor, keyring.reload
    )


def _gateway(
    options: Options,
    operations: Operations,
    turn: Turn,
    reactor: Any,
    meters: Meters | None,
    limits: Limits,
    overload: Overload,
) -> tuple[Deadlines, GatewayFactory]:
    timeouts = Timeouts(
        handshake=options["handshake-timeout"],
        login=options["login-timeout"],
        heartbeat=options["heartbeat-interval"],
    )
    deadlines = Deadlines(reactor, timeouts.shortest())
    codecs: dict[str, Codec] = {"json": JsonCodec(), "proto": ProtoCodec()}
    factory = GatewayFactory(
        operations,
        {codec.name: codec for codec in codecs.values()},
        codecs[options["message-protocol"]],
        timeouts,
        deadlines,
        turn,
        reactor,
        max_packet=options["max-packet"],
        max_unsent=options["max-unsent"],
        trace_header=options["trace-header"],
        requests=meters.requests if meters is not None else None,
        origins=options["allowed-origins"],
        limits=limits,
        entrance=Entrance(
            limits,
            options["trusted-proxies"] or NO_PROXIES,
            lambda: overload.cause,
            speaks_proxy(options["gateway-address"]),
        ),
    )
    return deadlines, factory


def _endpoint(
    name: str, option: str, options: Options, reactor: Any, *, alone: bool = False
) -> IStreamServerEndpoint:
    """Return what an option asks for; *alone* keeps other machines out unless it names a host."""
    text = options[option]
    try:
        endpoint = make_endpoint(on_loopback(text) if alone else text, reactor, text)
    except ValueError as error:
        refuse_start(f"{options.origin(option)}: {error}")
    check_free(name, endpoint)
    return endpoint
