"""100,000 messages while a worker is killed every two seconds: ``make kills``, not in ``make test``.

A worker is killed only if one serves, so on a busy machine there are fewer kills. The variable MESSAGES
of the environment is another number of messages.
"""

from __future__ import annotations

import os
import signal

from twisted.internet import reactor
from twisted.internet.task import LoopingCall

from tests.support.daemon_process import workers_in
from tests.support.multiprocess.server import Server, WorkersTestCase
from tests.support.multiprocess.speakers import Talk
from tests.support.nodes.cluster_case import eventually

MESSAGES = int(os.environ.get("MESSAGES", "100000"))
WORKERS = 3
INTERVAL = 2.0  # seconds from one kill to the next
LIMIT = 1500  # seconds until the messages must be there
USERS = tuple(f"u{number}" for number in range(8))
OPTIONS = (
    *("--max-session-messages", str(MESSAGES), "--max-read-rate", "0"),
    *("--max-send-rate", "0"),
)


class KillsTests(WorkersTestCase):
    timeout = LIMIT + 600
    worker_count = WORKERS

    async def test_nothing_acknowledged_is_lost_and_nothing_comes_twice(self) -> None:
        server = await self.server(*OPTIONS)
        talk = Talk(self, server.ws, USERS)
        await talk.start()
        began = reactor.seconds()
        killing = LoopingCall(self.kill, server)
        killing.start(INTERVAL, now=False).addErrback(lambda failure: failure.printTraceback())
        self.addCleanup(lambda: killing.running and killing.stop())
        self.kills = 0
        try:
            await eventually(lambda: talk.count >= MESSAGES, f"{MESSAGES} messages", LIMIT)
        finally:
            killing.stop()
        seconds = reactor.seconds() - began
        count = await talk.settle()
        links = sum(len(speaker.links) for speaker in talk.speakers)
        again = sum(speaker.device.repeated for speaker in talk.speakers)
        refused = sum(link.refused for speaker in talk.speakers for link in speaker.links)
        print(
            f"\n{count} messages acknowledged in {seconds:.0f} s, {self.kills} kills, {links} connections"
            f" of {len(talk.speakers)} devices, {refused} requests answered with 503,"
            f" {again} pushes of messages that the device had: 0 lost, 0 twice"
        )

    def kill(self, server: Server) -> None:
        """Kill the worker that was started first of those that serve."""
        ready = workers_in(server.said)  # the last one of each number, ready or not any more
        serving = [pid for pid in ready.values() if pid in server.workers.values()]
        if serving:
            os.kill(min(serving), signal.SIGKILL)
            self.kills += 1
