"""What SIGHUP reads again: the files of keys and certificates that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gim.auth import from_settings as auth
from gim.config.settings import Settings
from gim.config.validate import Resources
from gim.daemon.signals import Reloader
from gim.net.endpoints import certificate_files
from gim.webhooks import from_settings as webhooks


def add_files(
    reloader: Reloader,
    settings: Settings,
    resources: Resources,
    use_admin_key: Callable[[bytes | None], None],
    use_webhook_secret: Callable[[bytes], None],
) -> None:
    """Have the files read again. *use_admin_key* and *use_webhook_secret* take what has been read. What
    is in the environment stays as it is."""
    for option in "auth-key-file", "auth-jwks-file":
        if resources.keyring is not None and getattr(settings.auth, option.replace("-", "_")):
            reloader.add(f"--{option}", resources.keyring.reload)
    if settings.auth.admin_key_file is not None:
        reloader.add("--admin-key-file", lambda: _use(use_admin_key, auth.admin_key(settings.auth)))
    if (hooks := settings.webhooks) is not None and hooks.secret_file is not None:
        secret_of = webhooks.secret_of
        reloader.add("--webhook-secret-file", lambda: _use(use_webhook_secret, secret_of(hooks)))
    for option, endpoint in (
        ("gateway-address", resources.gateway),
        ("api-address", resources.api),
    ):
        if (files := certificate_files(endpoint)) is not None:
            reloader.add(f"--{option}", files.reload)


def _use(use: Callable[[Any], None], key: bytes | None) -> str:
    use(key)
    return "read again"
