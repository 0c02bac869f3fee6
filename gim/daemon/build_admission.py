"""Who may connect to the gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gim.config.settings import Settings
from gim.gateway.connection_rules import ConnectionRules
from gim.limits.limits import LimitHits
from gim.limits.overload import Overload
from gim.net.endpoints import speaks_proxy

T = TypeVar("T", bound=ConnectionRules)


def make_rules(
    kind: type[T],
    settings: Settings,
    hits: LimitHits,
    overload: Overload,
    are_files_short: Callable[[], bool],
) -> T:
    """Return the rules, an object of the *kind*, that the settings make for a process."""
    net = settings.net
    return kind(
        settings.limits,
        hits,
        net.proxies,
        lambda: overload.cause,
        are_files_short,
        speaks_proxy(net.gateway_address),
    )
