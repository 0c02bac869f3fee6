"""A program that supervises workers of `tests.support.fake_worker`: what a test can kill.

Its argument is their number. It prints their pids when all are ready.
"""

from __future__ import annotations

import json
import os
import sys

from twisted.internet import reactor

from gim.workers.supervisor import Supervisor, worker_environment
from tests.support.fake_worker import FROM_FAKE, WORDS


def main() -> None:
    start = json.dumps({"log": ["info", False, False]}).encode()
    environment = worker_environment(os.environ)
    supervisor = Supervisor(
        int(sys.argv[1]), FROM_FAKE, lambda number: start, reactor, words=WORDS, environment=environment
    )

    def say(result: None) -> None:
        print(*(worker.pid for worker in supervisor.workers), flush=True)

    supervisor.settled().addCallback(say)
    supervisor.startService()
    reactor.run()


if __name__ == "__main__":
    main()
