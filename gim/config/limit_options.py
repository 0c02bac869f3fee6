"""The options that limit how much clients may do."""

from __future__ import annotations

from gim.config import types
from gim.config.option import Group, Option
from gim.net import client_address
from gim.units import count, count_or_zero, duration_or_zero, memory_or_zero

LIMITS = Group(
    "Limits",
    "How much clients may do; 0 stands for no limit. docs/limits.md says what a client notices, and"
    " how to choose values.",
    (
        Option(
            "limits", "enforce", types.one_of("enforce", "dry-run"),
            "What to do above the limits of docs/limits.md: `enforce` them, or `dry-run`, which only"
            " counts.",
            "Timeouts and the sizes of packets and contents are enforced even then."
            " `gim_limit_hits_total` of docs/metrics.md counts how often each was reached.",
        ),
        Option(
            "max-connections", "50000", count_or_zero,
            "WebSocket connections in total; 0 for no limit.",
        ),
        Option(
            "max-address-connections", "0", count_or_zero,
            "WebSocket connections from one address, or from one /64 network of IPv6; 0 for no"
            " limit.",
        ),
        Option(
            "max-user-connections", "100", count_or_zero,
            "Connections of one user to this node; 0 for no limit.",
        ),
        Option(
            "max-packet-rate", "1000", count_or_zero,
            "Packets a second from one connection; 0 for no limit.",
        ),
        Option(
            "max-packet-burst", "2000", count,
            "Packets that one connection may send at once after silence.",
            "It must not be less than `--max-packet-rate`.",
        ),
        Option(
            "max-send-rate", "1000", count_or_zero,
            "Messages a second from one user, over all connections to this node and HTTP; 0 for"
            " no limit.",
        ),
        Option(
            "max-read-rate", "10000", count_or_zero,
            "Rows (messages, sessions, members, chatrooms that a login enters) and KiB a second that"
            " one user may read, over all connections to this node and HTTP; 0 for no limit.",
            "After silence a user may read twice as much at once.",
        ),
        Option(
            "max-login-rate", "100", count_or_zero,
            "Logins a second over HTTP from one address, or one /64 of IPv6; 0 for no limit.",
            "Raise it for a backend that logs in all users from its own address.",
        ),
        Option(
            "max-user-chatrooms", "1000", count_or_zero,
            "Chatrooms that one user may be a member of; 0 for no limit.",
        ),
        Option(
            "max-chatroom-members", "100000", count_or_zero, "Members of one chatroom; 0 for no limit."
        ),
        Option(
            "max-reactor-delay", "1s", duration_or_zero,
            "Delay of the reactor above which new connections are refused; 0 for no limit.",
        ),
        Option(
            "max-memory", "0", memory_or_zero,
            "Memory of the process above which new connections are refused, as in `4GiB`; 0 for no"
            " limit.",
            "On Linux only.",
        ),
        Option(
            "trusted-proxies", None, client_address.read,
            "Proxies whose X-Forwarded-For gim believes: addresses, networks like `10.0.0.0/8`, or"
            " `unix`, separated by commas.",
            "`unix` stands for any peer on a UNIX socket.",
            example="10.0.0.7, fd00::/8",
        ),
    ),
)  # fmt: skip
