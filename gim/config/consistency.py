"""Options that don't go together. Each refusal is a line that names where the option was given."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from typing import Any

from gim.limits.overload import STATM
from gim.startup import StartupError


def check(options: Mapping[str, Any], origins: Mapping[str, str], chosen: Collection[str]) -> None:
    """Raise `StartupError` for options that can't work together.

    *origins* says where each option was given, *chosen* are the options that are meant for gim for sure.
    """
    _check_workers(options, origins)
    _check_storage(options, origins, chosen)
    _check_data_directory(options, origins, chosen)
    _check_sizes(options, origins)
    _check_limits(options, origins)
    _check_webhooks(options, origins)
    _check_console(options, origins)


def _check_workers(options: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    if options["gateway-worker"] > 1 and sys.platform != "linux":
        raise StartupError(f"{origins['gateway-worker']}: more than one worker needs Linux")


def _check_storage(
    options: Mapping[str, Any], origins: Mapping[str, str], chosen: Collection[str]
) -> None:
    """Refuse options that have no effect on the storage in use."""
    if options["storage"] == "redis" and "max-messages" in chosen:
        raise StartupError(
            f"{origins['max-messages']}: it is for --storage memory; what Redis holds is bounded by"
            " --max-session-messages, --message-ttl and its own maxmemory"
        )
    useless = [name for name in ("redis-prefix", "redis-url") if name in chosen]
    if options["storage"] != "redis" and useless:
        raise StartupError(f"{origins[useless[0]]}: add --storage redis, or leave it out")


def _check_data_directory(
    options: Mapping[str, Any], origins: Mapping[str, str], chosen: Collection[str]
) -> None:
    of_directory = ("sync", "data-damage", "segment-size")
    if options["storage"] == "redis":
        for name in "data-dir", *of_directory:
            if name in chosen:
                raise StartupError(
                    f"{origins[name]}: it is for --storage memory: leave it out, as Redis keeps"
                    " its data itself: docs/redis.md"
                )
    elif options["data-dir"] is None:
        for name in of_directory:
            if name in origins:
                raise StartupError(f"{origins[name]}: add --data-dir, or leave it out")


def _check_sizes(options: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    if options["max-content"] < options["max-packet"]:
        return
    if "max-content" in origins:
        raise StartupError(f"{origins['max-content']}: it must be smaller than --max-packet")
    raise StartupError(f"{origins['max-packet']}: it must be greater than --max-content")


def _check_limits(options: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    if options["max-memory"] and not os.path.exists(STATM):
        raise StartupError(f"{origins['max-memory']}: it needs {STATM}, which does not exist here")
    if options["max-packet-burst"] >= options["max-packet-rate"]:
        return
    name, word, other = "max-packet-rate", "more", "max-packet-burst"
    if other in origins:
        name, word, other = other, "less", name
    raise StartupError(f"{origins[name]}: it must not be {word} than --{other}, {options[other]}")


def _check_webhooks(options: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    if options["webhook-url"] is None:
        for name in "webhook-events", "webhook-secret-file", "webhook-grace":
            if name in origins:
                raise StartupError(f"{origins[name]}: add --webhook-url, or leave it out")


def _check_console(options: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    if options["console-read-only"] and not options["console"]:
        raise StartupError(f"{origins['console-read-only']}: leave out --console=false, or leave it out")
