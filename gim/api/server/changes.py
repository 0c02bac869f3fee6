"""A log line for each change that the administrator made: who made it, from where, and to what."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from gim.log.logger import Logger

_log = Logger()


def name_target(request: Any, target: str) -> None:
    """Say what a request changes, for a route that takes it from the body rather than from the path."""
    request.target = target


async def logged(request: Any, path: dict[str, str], work: Awaitable[Any]) -> Any:
    """Await the *work* of a route, and log it if it succeeds; *path* holds the parameters in its path."""
    answered = await work
    target = " ".join([*path.values()]) or request.target
    _log.info(
        "administrator ({who}) from {peer}: {name}{target}",
        who=request.site.access.name_of(request),
        peer=request.site.client_of(request) or "-",
        name=request.op,
        target=f" on {target}" if target else "",
    )
    return answered
