"""A process that serves the sockets it is handed, without a link: each byte it gets, with its pid."""

from __future__ import annotations

import os
import socket
from functools import partial
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.protocol import Factory, Protocol

from gim.net.endpoints import make_endpoint
from gim.net.listening import Listening
from gim.workers.closings import Closings
from gim.workers.hand_over import GATEWAY
from gim.workers.lifeline import tie_to_parent
from gim.workers.ports import HandedOverPorts
from gim.workers.worker_process import HAND_OVER
from gim.workers.worker_reactor import WorkerReactor

reactor: Any = installed


class Naming(Protocol):
    transport: Any

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(b"%d\n" % os.getpid() * len(data))


def main() -> None:
    tie_to_parent(os.getppid())
    end = socket.socket(fileno=HAND_OVER)
    closings = Closings(lambda message: None, reactor)
    ports = HandedOverPorts(end, closings, lambda verdict: None, reactor)
    endpoint = make_endpoint("tcp:0", WorkerReactor(reactor))
    factory = Factory.forProtocol(Naming)
    Listening("gateway", endpoint, factory, partial(ports.take, GATEWAY)).startService()
    ports.startService()
    reactor.run()


if __name__ == "__main__":
    main()
