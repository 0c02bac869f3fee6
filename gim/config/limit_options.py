"""The options that say how much anybody may do, and what becomes of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.python import usage

from gim.config import types
from gim.limits import limits
from gim.limits.limits import Limits
from gim.limits.overload import STATM, Overload
from gim.net import client_address

TABLE: list[list[Any]] = [  # as that of `gim.config.options`
    ["limits", None, "enforce", "What to do above the limits that follow: enforce them, or dry-run, which"
     " only counts.", types.one_of("enforce", "dry-run")],
    ["max-connections", None, "50000", "WebSocket connections in all, 0 for no limit, here and below.",
     types.count_or_zero],
    ["max-address-connections", None, "0", "WebSocket connections from one address, or one /64 of"
     " IPv6.", types.count_or_zero],
    ["max-user-connections", None, "100", "Connections of one user to this node.", types.count_or_zero],
    ["max-packet-rate", None, "1000", "Packets a second from one connection.", types.count_or_zero],
    ["max-packet-burst", None, "2000", "Packets that may come at once after silence.", types.count],
    ["max-send-rate", None, "1000", "Messages a second from one user, over all connections to this node"
     " and HTTP.", types.count_or_zero],
    ["max-user-chatrooms", None, "1000", "Chatrooms that one user may be a member of.",
     types.count_or_zero],
    ["max-chatroom-members", None, "100000", "Members of one chatroom.", types.count_or_zero],
    ["max-reactor-delay", None, "1s", "Delay of the reactor above which new connections are refused.",
     types.duration_or_zero],
    ["max-memory", None, "0", "Memory of the process above which new connections are refused.",
     types.memory_or_zero],
    ["trusted-proxies", None, None, "Proxies whose X-Forwarded-For is believed: addresses, networks like"
     " 10.0.0.0/8, or unix, with commas in between.", client_address.read],
]  # fmt: skip

_COUNTS = (
    limits.CONNECTIONS,
    limits.ADDRESS_CONNECTIONS,
    limits.USER_CONNECTIONS,
    limits.PACKET_RATE,
    limits.PACKET_BURST,
    limits.SEND_RATE,
    limits.USER_CHATROOMS,
    limits.CHATROOM_MEMBERS,
)


def check(options: Any) -> None:
    """Raise `UsageError` for limits that can't work together."""
    if options["max-memory"] and not os.path.exists(STATM):
        raise usage.UsageError(f"{options.origin('max-memory')}: it needs {STATM}, which is not there")
    if options["max-packet-burst"] >= options["max-packet-rate"]:
        return
    name, word, other = "max-packet-rate", "more", "max-packet-burst"
    if other in options.origins:
        name, word, other = other, "less", name
    raise usage.UsageError(
        f"{options.origin(name)}: it must be no {word} than --{other}, {options[other]}"
    )


def overload_of(options: Mapping[str, Any], clock: IReactorTime) -> Overload:
    """Return what watches over the process, within the bounds that the options say."""
    return Overload(clock, options["max-reactor-delay"], options["max-memory"])


def limits_of(options: Mapping[str, Any]) -> Limits:
    """Return the limits that the options say."""
    return Limits({name: options[name] for name in _COUNTS}, options["limits"] == "enforce")
