"""What the operator sets of the HTTP API."""

from __future__ import annotations

from msgspec import Struct

from gim.net.origins import Origins


class ApiSettings(Struct, frozen=True):
    """Fields have the names of their options, except *hosts* and *origins*."""

    max_packet: int  # bytes of a body
    trace_header: str
    log_requests: str  # "all", "sampled" or "off"
    hosts: Origins | None  # the hosts that requests may be for, None for any host
    origins: Origins  # web pages that may ask
    enable_profiling: bool
