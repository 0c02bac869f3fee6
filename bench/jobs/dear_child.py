"""A user who sends the same requests over and over, as fast as the packet rate allows.

Usage: ``python -m bench.jobs.dear_child PORT CONNECTIONS FRAMES`` (the frames in hexadecimal digits)
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time

from bench.client import Client
from bench.process import BenchError

PACKETS = 90  # a burst of each connection, which the server reads at once
BURST_INTERVAL = 0.1  # seconds; so 900 packets a second, below the rate


def _log_in(port: int) -> Client:
    """Return a connection; many chatrooms make a login dear, so the server may refuse it for a while."""
    client = Client(port)
    while True:
        try:
            client.ask(101, id="big")
        except BenchError:
            time.sleep(0.2)
        else:
            return client


def _read(client: Client) -> None:
    with contextlib.suppress(BenchError, OSError, ValueError):
        while True:
            client.receive()


def _send(client: Client, frames: bytes) -> None:
    due = time.monotonic()
    with contextlib.suppress(OSError):
        while True:
            client.send(frames)
            due += BURST_INTERVAL
            time.sleep(max(0.0, due - time.monotonic()))


def main() -> None:
    port, connections, frames = int(sys.argv[1]), int(sys.argv[2]), bytes.fromhex(sys.argv[3])
    packets = max(1, frames.count(b'{"op":'))
    # all log in before the first one sends: then none finds the read rate of their user used up
    for client in [_log_in(port) for _ in range(connections)]:
        for work in (
            threading.Thread(target=_read, args=(client,), daemon=True),
            threading.Thread(target=_send, args=(client, frames * (PACKETS // packets)), daemon=True),
        ):
            work.start()
    print("sending", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
