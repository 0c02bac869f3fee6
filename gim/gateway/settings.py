"""The settings of the gateway."""

from __future__ import annotations

from msgspec import Struct

from gim.gateway.timeout_wheel import Timeouts
from gim.net.origins import Origins


class GatewaySettings(Struct, frozen=True):
    """What the operator decides. No field has a default: a forgotten limit would be no limit."""

    max_packet: int  # bytes of a message that comes in
    max_unsent: int  # bytes that may wait for a slow reader, see `gim.gateway.outbound`
    trace_header: str  # the header of the handshake that carries the trace id, both ways
    origins: Origins  # of the web pages that may connect
    hosts: Origins | None  # the hosts that handshakes may be for, None for any host
    timeouts: Timeouts
    default_codec: str  # "json" or "proto": for clients that ask for no subprotocol
