"""The settings of all rooms, made once from the options. Nothing else reads options by their names.

A field that has the name of its option needs no line here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from gim.api.settings import ApiSettings
from gim.auth.constants import ADMIN_KEY_VARIABLE, KEY_VARIABLE
from gim.auth.settings import AuthSettings
from gim.chat.settings import ChatSettings
from gim.console.settings import ConsoleSettings
from gim.gateway.settings import GatewaySettings
from gim.gateway.timeout_wheel import Timeouts
from gim.journal.settings import JournalSettings
from gim.limits.limits import Limits
from gim.log.settings import LogSettings
from gim.net.client_address import NO_PROXIES
from gim.net.origins import Origins
from gim.net.settings import NetSettings
from gim.push.chatroom import PushPolicy
from gim.push.settings import PushSettings
from gim.storage.settings import MemorySettings, RedisSettings
from gim.webhooks.settings import SECRET_VARIABLE, WebhookSettings

T = TypeVar("T", bound=Struct)


class DaemonSettings(Struct, frozen=True):
    """The daemon as a whole."""

    drain: float  # seconds over which connections are closed
    metrics: bool
    gateway_worker: int  # processes that serve clients; 1 for this one


class GivenOptions(Protocol):
    """The options by their long names, and where and as what those that are not defaults were given."""

    @property
    def origins(self) -> dict[str, str]: ...

    @property
    def texts(self) -> dict[str, str]: ...

    def __getitem__(self, name: str, /) -> Any: ...


class Settings(Struct, frozen=True, kw_only=True):
    """One attribute for each room. ``origins`` says where options that are not defaults were given, and
    ``texts`` what was given there."""

    daemon: DaemonSettings
    net: NetSettings
    log: LogSettings
    gateway: GatewaySettings
    api: ApiSettings
    console: ConsoleSettings
    auth: AuthSettings
    chat: ChatSettings
    push: PushSettings
    storage: MemorySettings | RedisSettings
    webhooks: WebhookSettings | None  # None for no webhooks
    limits: Limits
    are_limits_enforced: bool
    origins: Mapping[str, str]
    texts: Mapping[str, str]  # may hold secrets

    def __repr__(self) -> str:
        return "<Settings>"  # no secrets in logs

    def origin(self, option: str) -> str:
        """Return what an error about the value of an option begins with."""
        return self.origins.get(option, f"--{option}")


def settings_of(options: GivenOptions, environment: Mapping[str, str] | None = None) -> Settings:
    """Return what the options say. Secrets may stand in the *environment* as well: that of the process
    unless one is given."""
    if environment is None:
        environment = os.environ
    auth = _auth(options, environment)
    hosts = options["allowed-origins"] if auth.is_open else None
    return Settings(
        daemon=_read(DaemonSettings, options),
        net=_read(NetSettings, options, proxies=options["trusted-proxies"] or NO_PROXIES),
        log=_read(
            LogSettings,
            options,
            is_format_given="log-format" in options.origins,
            is_level_given="log-level" in options.origins,
        ),
        gateway=_gateway(options, hosts),
        api=_read(ApiSettings, options, hosts=hosts, origins=options["allowed-origins"]),
        console=_read(ConsoleSettings, options),
        auth=auth,
        chat=_read(ChatSettings, options),
        push=_push(options),
        storage=_storage(options),
        webhooks=_webhooks(options, environment),
        limits=_read(Limits, options),
        are_limits_enforced=options["limits"] == "enforce",
        origins=options.origins,
        texts=options.texts,
    )


def _read(struct: type[T], options: GivenOptions, **named: Any) -> T:
    """Return a struct whose fields hold the options of their names, apart from those *named*."""
    found = {
        field: options[field.replace("_", "-")]
        for field in struct.__struct_fields__
        if field not in named
    }
    return struct(**found, **named)


def _auth(options: GivenOptions, environment: Mapping[str, str]) -> AuthSettings:
    return _read(
        AuthSettings,
        options,
        key=environment.get(KEY_VARIABLE),
        admin_key=environment.get(ADMIN_KEY_VARIABLE),
    )


def _gateway(options: GivenOptions, hosts: Origins | None) -> GatewaySettings:
    return _read(
        GatewaySettings,
        options,
        hosts=hosts,
        origins=options["allowed-origins"],
        timeouts=Timeouts(
            handshake=options["handshake-timeout"],
            login=options["login-timeout"],
            heartbeat=options["heartbeat-interval"],
            ping=options["ping-interval"],
        ),
        default_codec=options["message-protocol"],
    )


def _push(options: GivenOptions) -> PushSettings:
    return _read(
        PushSettings,
        options,
        policy=PushPolicy(options["message-push-duration"], options["message-push-count"]),
        concurrency=options["message-push-concurrency-limit"],
    )


def _storage(options: GivenOptions) -> MemorySettings | RedisSettings:
    kept = {"ttl": options["message-ttl"], "sequences": options["enable-message-sequence"]}
    if options["storage"] == "redis":
        return _read(RedisSettings, options, **kept)
    return _read(MemorySettings, options, **kept, journal=_journal(options))


def _journal(options: GivenOptions) -> JournalSettings | None:
    if options["data-dir"] is None:
        return None
    return _read(JournalSettings, options, damage=options["data-damage"])


def _webhooks(options: GivenOptions, environment: Mapping[str, str]) -> WebhookSettings | None:
    if options["webhook-url"] is None:
        return None
    return WebhookSettings(
        url=options["webhook-url"],
        events=options["webhook-events"],
        grace=options["webhook-grace"],
        secret_file=options["webhook-secret-file"],
        secret=environment.get(SECRET_VARIABLE),
    )
