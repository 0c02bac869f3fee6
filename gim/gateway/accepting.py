"""Accepting connections: a few in each iteration of the reactor, so that a rush starves no client."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet import tcp
from twisted.python import log

MAX_ACCEPTS = 16  # connections accepted per iteration of the reactor, about 3 ms


def accept_some(port: tcp.Port) -> None:
    """Have a port that has just begun to listen accept at most `MAX_ACCEPTS` clients at a time."""
    port.doRead = _way_of(port)  # type: ignore[method-assign]


def _way_of(port: Any) -> Callable[[], None]:
    is_of_ipv4 = type(port) is tcp.Port and port.addressFamily == socket.AF_INET
    if is_of_ipv4:
        port.writes_at_once = True  # like its connections: see `gim.gateway.reading`
        return partial(_accept, port)
    accept = type(port).doRead

    def accept_some() -> None:
        port.numberAccepts = min(port.numberAccepts, MAX_ACCEPTS)  # Twisted lets it grow
        accept(port)

    return accept_some


def _accept(port: Any) -> None:
    """Do what Twisted's port does, in half the time: it prepares to log for each read, and asks the
    listening socket for its family and type for each client."""
    for _ in range(MAX_ACCEPTS):
        try:
            number, client = port.socket._accept()
        except BlockingIOError:
            return
        except OSError:  # such as that no file is left: Twisted knows what to do
            port.numberAccepts = MAX_ACCEPTS
            tcp.Port.doRead(port)
            return
        try:
            _connect(port, socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, number), client)
        except BaseException:
            log.err()


def _connect(port: Any, accepted: socket.socket, client: tuple[str, int]) -> None:
    protocol = port.factory.buildProtocol(port._buildAddr(client))
    if protocol is None:
        accepted.close()
        return
    session, port.sessionno = port.sessionno, port.sessionno + 1
    protocol.makeConnection(port.transport(accepted, protocol, client, port, session, port.reactor))
