"""The options in force, as the administrator may see them: without secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from gim.auth.constants import ADMIN_KEY_VARIABLE, KEY_VARIABLE
from gim.config.option import Option, plain
from gim.config.settings import Settings
from gim.config.table import OPTIONS
from gim.model import OptionInForce
from gim.webhooks.settings import SECRET_VARIABLE

_HIDDEN = "…"


def options_in_force(settings: Settings) -> list[OptionInForce]:
    """Return all options in the order of docs/configuration.md, then the secrets of the environment."""
    return [*(_in_force(option, settings) for option in OPTIONS.values()), *_secrets(settings)]


def _in_force(option: Option, settings: Settings) -> OptionInForce:
    value = settings.texts.get(option.name, option.default)
    mask = _MASKS.get(option.name)
    return OptionInForce(
        f"--{option.name}",
        mask(value) if mask is not None and value is not None else value,
        option.default,
        _origin(option.name, settings.origins),
        plain(option.help),
    )


def _origin(name: str, origins: Mapping[str, str]) -> str:
    origin = origins.get(name, "default")
    return "command line" if origin.startswith("--") else origin


def _without_password(url: str) -> str:
    """Hide the passwords in a URL of Redis: see `gim.storage.redis.client.url`."""
    url = re.sub(r"(?<=://)([^:@]*):[^@]+@", rf"\1:{_HIDDEN}@", url, count=1)
    return re.sub(r"(?<=[?&]sentinel_password=)[^&]*", _HIDDEN, url)


def _without_query(url: str) -> str:
    """Hide the query of a URL, in which a receiver may ask for a key."""
    return re.sub(r"\?.*", f"?{_HIDDEN}", url)


_MASKS: Mapping[str, Callable[[str], str]] = {
    "redis-url": _without_password,
    "webhook-url": _without_query,
}


def _secrets(settings: Settings) -> Iterator[OptionInForce]:
    """Yield the secrets that the environment holds and no file replaces, in the same form."""
    auth, webhooks = settings.auth, settings.webhooks
    if auth.key is not None and auth.auth_key_file is None and auth.auth_jwks_file is None:
        yield _secret(KEY_VARIABLE, "The secret that login tokens are signed with.")
    if auth.admin_key is not None and auth.admin_key_file is None:
        yield _secret(ADMIN_KEY_VARIABLE, "The key that opens /v1/admin/ of the HTTP API.")
    if webhooks is not None and webhooks.secret is not None and webhooks.secret_file is None:
        yield _secret(SECRET_VARIABLE, "The secret that webhooks are signed with.")


def _secret(variable: str, about: str) -> OptionInForce:
    return OptionInForce(variable, _HIDDEN, None, variable, about)
