"""The files that settings name: keys, secrets, certificates."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from gim.auth.settings import AuthSettings
from gim.config.settings import Settings
from gim.net.endpoint_files import map_files
from gim.net.settings import NetSettings
from gim.webhooks.settings import WebhookSettings

PathOf = Callable[[str, str], str]  # from an option and a path that it names to the path in its place


def map_paths(settings: Settings, path_of: PathOf) -> Settings:
    """Return settings that name other files, the paths that *path_of* returns.

    What is read as long as gim runs stays as it is: the directory of an endpoint of the kind ``tls``, and
    the files for TLS with Redis.
    """
    return replace(
        settings,
        auth=_auth(settings.auth, path_of),
        net=_net(settings.net, path_of),
        webhooks=_webhooks(settings.webhooks, path_of),
    )


def files_of(settings: Settings) -> list[tuple[str, str]]:
    """Return the option and the path of each file that settings name."""
    found: list[tuple[str, str]] = []

    def note(option: str, path: str) -> str:
        found.append((option, path))
        return path

    map_paths(settings, note)
    return found


def _auth(auth: AuthSettings, path_of: PathOf) -> AuthSettings:
    paths = {
        name: path_of(name.replace("_", "-"), path)
        for name in ("auth_key_file", "auth_jwks_file", "admin_key_file")
        if (path := getattr(auth, name)) is not None
    }
    return replace(auth, **paths)


def _net(net: NetSettings, path_of: PathOf) -> NetSettings:
    def mapped(option: str, endpoint: str) -> str:
        return map_files(endpoint, lambda path: path_of(option, path))

    return replace(
        net,
        gateway_address=mapped("gateway-address", net.gateway_address),
        api_address=mapped("api-address", net.api_address),
    )


def _webhooks(webhooks: WebhookSettings | None, path_of: PathOf) -> WebhookSettings | None:
    if webhooks is None or webhooks.secret_file is None:
        return webhooks
    return replace(webhooks, secret_file=path_of("webhook-secret-file", webhooks.secret_file))
