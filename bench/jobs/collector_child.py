"""A whole gim without sockets: connects, sends, and writes how long the collector took, as JSON.

Usage: ``python -m bench.jobs.collector_child python|gim CONNECTIONS MESSAGES``. CPU time of the process
is measured, so that other programs do not count.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock

from gim.config.options import Options
from gim.gateway.transport import DirectServer
from gim.tap import makeService

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
PEER = IPv4Address("TCP", "127.0.0.1", 1)
LOOKS = 20  # times that the service looks at what is old, for each of the two parts


class Socket:
    """Takes everything and gives nothing."""

    def send(self, data: bytes) -> int:
        return len(data)

    def fileno(self) -> int:
        return 0

    def setblocking(self, flag: bool) -> None:
        pass

    def setsockopt(self, *args: Any) -> None:
        pass

    def getsockname(self) -> tuple[str, int]:
        return PEER.host, PEER.port


class Pauses:
    """Listens to the collector."""

    def __init__(self) -> None:
        self.longest = self.total = self._began = 0.0
        gc.callbacks.append(self._called)

    def _called(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.process_time()
            return
        pause = 1000 * (time.process_time() - self._began)
        self.longest = max(self.longest, pause)
        self.total += pause

    def take_longest(self) -> float:
        longest, self.longest = self.longest, 0.0
        return longest


def masked(payload: str) -> bytes:
    """Return a frame as a client sends it, with a mask of zeros."""
    data = payload.encode()
    short = len(data) < 126
    head = bytes([0x81, 0x80 | len(data)]) if short else b"\x81\xfe%b" % len(data).to_bytes(2, "big")
    return head + bytes(4) + data


def build(schedule: str, reactor: MemoryReactorClock) -> Any:
    """Start gim and return its gateway; without its service for the collector where that is asked."""
    options = Options()
    options.parseOptions(
        ["--ws", "0", "--http", "0", "--heartbeat-interval", "300d", "--ping-interval", "150d"]
    )
    daemon = makeService(options, reactor)
    if schedule == "python":
        daemon.removeService(daemon.getServiceNamed("garbage"))
    daemon.startService()
    return reactor.tcpServers[-1][1]


def connect(gateway: Any, reactor: MemoryReactorClock, number: int) -> Any:
    protocol = gateway.buildProtocol(PEER)
    transport = DirectServer(Socket(), protocol, (PEER.host, PEER.port), None, number, reactor)
    protocol.makeConnection(transport)
    protocol.dataReceived(HANDSHAKE)
    protocol.dataReceived(masked(f'{{"op":101,"body":{{"id":"u{number}"}}}}'))
    return protocol


def run(schedule: str, connections: int, messages: int) -> dict[str, float]:
    reactor = MemoryReactorClock()
    reactor.advance(1_800_000_000)
    gateway, pauses, protocols = build(schedule, reactor), Pauses(), []
    for number in range(connections):
        protocols.append(connect(gateway, reactor, number))
        if number % (connections // LOOKS) == 0:
            reactor.advance(10)
    connecting = pauses.take_longest()
    for number in range(messages):
        body = f'{{"type":2,"target_id":"u{number % connections ^ 1}","content":"{"." * 100}"}}'
        protocols[number % connections].dataReceived(masked(f'{{"op":201,"body":{body}}}'))
        if number % 100 == 0:
            reactor.advance(0 if number % (messages // LOOKS) else 10)
    return {
        "connecting_ms": connecting,
        "sending_ms": pauses.take_longest(),
        "total_ms": pauses.total,
    }


if __name__ == "__main__":
    schedule, connections, messages = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sys.stdin.readline()
    print(json.dumps(run(schedule, connections, messages)), flush=True)
