"""The echo server of several processes: its connections are handed over to workers.

Parent and workers are those of ``--gateway-worker``, but without a storage and an HTTP API. The parent is
part of `tests.conformance.echo`; `python -m tests.conformance.echo_workers` is one worker.
"""

from __future__ import annotations

import os
import socket
import sys
from functools import partial
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from gim.gateway.connection_rules import ConnectionRules
from gim.limits.limits import LimitHits
from gim.link.channel import Channel
from gim.net.client_address import NO_PROXIES
from gim.workers import accept_messages, control
from gim.workers.acceptor import Acceptor
from gim.workers.closings import Closings
from gim.workers.hand_over import GATEWAY
from gim.workers.lifeline import parent_lost, tie_to_parent
from gim.workers.ports import HandedOverPorts
from gim.workers.supervisor import Supervisor
from gim.workers.worker_process import HAND_OVER, LINK, Worker
from gim.workers.worker_reactor import WorkerReactor
from tests.conformance.echo import gateway_factory
from tests.support.settings import no_limits

reactor: Any = installed
TO_PARENT = (*control.TO_PARENT, *accept_messages.TO_PARENT)


def listen(count: int) -> tuple[Any, Deferred[None]]:
    """Listen, and start so many workers; return the port, and what fires when they serve."""
    hits = LimitHits(is_enforced=True)
    rules = ConnectionRules(no_limits(), hits, NO_PROXIES, lambda: "", lambda: False, False)
    acceptor = Acceptor(rules, reactor)
    port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
    acceptor.take(GATEWAY, port)
    words = sys.executable, "-m", "tests.conformance.echo_workers"
    supervisor = Supervisor(
        count,
        TO_PARENT,
        lambda number: b"",
        reactor,
        joined=partial(_hand_over, acceptor),
        gone=_fail,
        words=words,
    )
    acceptor.startService()
    supervisor.startService()
    return port, supervisor.settled()


def _hand_over(acceptor: Acceptor, worker: Worker) -> None:
    acceptor.join(worker.hand_over, worker.their_hand_over, worker.channel)


def _fail(worker: Worker) -> None:
    """End with the first worker that ends: no case may have it end."""
    print(worker.end, file=sys.stderr, flush=True)
    os._exit(1)


def main() -> None:
    """Serve as a worker."""
    tie_to_parent(int(sys.argv[-1]))
    channel = Channel(control.TO_WORKER, reactor, on_end=parent_lost)
    reactor.adoptStreamConnection(LINK, socket.AF_UNIX, Factory.forProtocol(lambda: channel))
    os.close(LINK)
    factory = gateway_factory()
    factory.timeout_wheel.startService()
    closings = Closings(channel.send, reactor)
    ports = HandedOverPorts(socket.socket(fileno=HAND_OVER), closings, lambda verdict: None, reactor)
    ports.take(GATEWAY, WorkerReactor(reactor).listenTCP(0, factory))
    ports.startService()
    channel.send(control.Joined())
    channel.send(control.Ready())
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    main()
