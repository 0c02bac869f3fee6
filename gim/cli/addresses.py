"""Where the addresses in the server's options lead."""

from __future__ import annotations

from typing import NamedTuple


class TcpAddress(NamedTuple):
    """A port; an empty host stands for all addresses."""

    host: str
    port: int


def tcp_address(description: str) -> TcpAddress | None:
    """Read an endpoint description as the option has it, ``tcp:8081:interface=127.0.0.1`` or the like;
    return None for another kind of endpoint."""
    kind, *parts = description.replace("\\:", "\0").split(":")
    if kind != "tcp" or not parts or not parts[0].removeprefix("port=").isdecimal():
        return None
    named = dict(part.split("=", 1) for part in parts[1:] if "=" in part)
    return TcpAddress(named.get("interface", "").replace("\0", ":"), int(parts[0].removeprefix("port=")))
