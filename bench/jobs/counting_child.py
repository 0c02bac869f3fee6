"""A gim that counts or does not, as it is told: SIGUSR1 lets it count, SIGUSR2 lets it not.

Usage: ``python -m bench.jobs.counting_child`` and the options of gim. Two processes of the same program
differ by more than counting costs, so one is measured both ways.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

from twisted.internet import reactor

from gim.config.options import Options
from gim.tap import makeService


class Switch:
    """Takes the meters out of the parts that count with them, and puts them in again."""

    def __init__(self, daemon: Any) -> None:
        self._gateway, self._chat, self._pushes = daemon._gateway, daemon._chat, daemon._chat._pushes
        self._ticks = daemon.getServiceNamed("ticks")
        self._requests, self._measured = self._gateway.requests, self._chat._messages
        self._plain = self._measured._plain_append.__self__

    def turn(self, on: bool) -> None:
        self._gateway.requests = self._requests if on else None
        self._chat._messages = self._pushes._messages = self._measured if on else self._plain
        if on != bool(self._ticks.running):
            (self._ticks.startService if on else self._ticks.stopService)()


def main() -> None:
    options = Options()
    options.parseOptions(sys.argv[1:])
    daemon = makeService(options, reactor)
    daemon.privilegedStartService()
    daemon.startService()
    reactor.addSystemEventTrigger("before", "shutdown", daemon.stopService)
    switch = Switch(daemon)
    for number, on in ((signal.SIGUSR1, True), (signal.SIGUSR2, False)):
        signal.signal(number, lambda _number, _frame, on=on: reactor.callFromThread(switch.turn, on))  # type: ignore[attr-defined, misc]
    reactor.run()


if __name__ == "__main__":
    main()
