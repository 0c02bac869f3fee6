"""What the kernel counts for a TCP connection: nothing needs to be counted for each message.

The fields and their offsets are those of ``struct tcp_info`` in Linux, include/uapi/linux/tcp.h. Kernels
only ever add fields at its end, so an older kernel fills in less.
"""

from __future__ import annotations

import socket
import sys
from struct import Struct as Layout
from typing import Any

from msgspec import Struct

IS_LINUX = sys.platform == "linux"

# last_data_recv at byte 52, rtt at 68, total_retrans at 100
_FIRST = Layout("=52xI12xI28xI")
# bytes_acked at byte 120, bytes_received at 128; since Linux 4.1
_BYTES = Layout("=120xQQ")


class TcpInfo(Struct, frozen=True, gc=False):
    """Counts and times of one connection; None for what the kernel does not tell.

    ``in_bytes`` and ``out_bytes`` are payloads of TCP, under TLS with its records. ``out_bytes`` counts
    what the peer has acknowledged. ``idle_ms`` is the time since the last byte came in, ``rtt_ms`` a
    smoothed round trip time, ``retransmits`` the number of segments sent again.
    """

    in_bytes: int | None = None
    out_bytes: int | None = None
    idle_ms: int | None = None
    rtt_ms: float | None = None
    retransmits: int | None = None


UNKNOWN = TcpInfo()


def read(transport: Any) -> TcpInfo:
    """Return what the kernel knows of a transport's connection, `UNKNOWN` if that is nothing: on other
    systems than Linux, for a UNIX socket, or once the connection is gone. About 3 us."""
    connection = socket_of(transport)
    if connection is None or not IS_LINUX:
        return UNKNOWN
    try:
        return parse(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES.size))
    except OSError:  # a UNIX socket, or closed
        return UNKNOWN


def socket_of(transport: Any) -> socket.socket | None:
    """Return the socket below layers such as TLS and the PROXY protocol; None if there is none."""
    while not hasattr(transport, "socket"):
        transport = getattr(transport, "transport", None)
        if transport is None:
            return None
    found: socket.socket = transport.socket
    return found


def parse(data: bytes) -> TcpInfo:
    """Return what *data*, the beginning of a ``struct tcp_info``, tells."""
    if len(data) < _FIRST.size:
        return UNKNOWN
    idle_ms, rtt_us, retransmits = _FIRST.unpack_from(data)
    sent, received = _BYTES.unpack_from(data) if len(data) >= _BYTES.size else (None, None)
    return TcpInfo(received, sent, idle_ms, rtt_us / 1000, retransmits)
