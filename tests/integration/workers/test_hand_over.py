"""Sockets that go from one process to others, of which one hangs and dies."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready

from gim.workers.hand_over import GATEWAY, make_pair
from gim.workers.supervisor import worker_environment
from gim.workers.worker_process import HAND_OVER
from tests.support.accepting import AcceptingTestCase, Peer, reactor, until
from tests.support.daemon_process import Process
from tests.support.paths import ROOT


class NoLink:
    """A link on which nothing is said."""

    def handle(self, kind: object, handler: object) -> None:
        pass

    def serve(self, kind: object, handler: object) -> None:
        pass


class Server:
    """A process that answers each byte with its pid."""

    def __init__(self) -> None:
        self.process = Process()
        self.ours, self.theirs = make_pair()
        environment = worker_environment(os.environ) | {"PYTHONPATH": ROOT.path}
        files: dict[int, Any] = {0: "w", 1: "r", 2: "r", HAND_OVER: self.theirs.fileno()}
        words = sys.executable, "-m", "tests.support.fake_server"
        reactor.spawnProcess(self.process, words[0], words, environment, childFDs=files)
        self.pid = self.process.transport.pid

    def end(self) -> Deferred[int | None]:
        try:
            self.process.signal(signal.SIGKILL)
        except ProcessExitedAlready:
            pass
        return self.process.exited


class ProcessTests(AcceptingTestCase):
    def serve(self, count: int) -> list[tuple[Server, Any]]:
        """Listen, and have *count* processes serve."""
        self.begin(workers=0)
        servers = []
        for _ in range(count):
            server = Server()
            self.addCleanup(server.end)
            servers.append((server, self.acceptor.join(server.ours, server.theirs, NoLink())))
        return servers

    async def pids(self, peers: list[Peer]) -> list[int]:
        """Return which processes have answered clients, in rising order."""
        await until(lambda: all(peer.received.endswith(b"\n") for peer in peers))
        return sorted(int(peer.received) for peer in peers)

    async def test_what_waits_for_a_process_that_hangs_is_served_once_it_is_killed(
        self,
    ) -> None:
        (stuck, hand_over), (other, _) = self.serve(2)
        early = [self.connect(b"?") for _ in range(10)]
        pids = sorted([stuck.pid, other.pid] * 5)
        self.assertEqual(await self.pids(early), pids)
        os.kill(stuck.pid, signal.SIGSTOP)
        late = [self.connect(b"?") for _ in range(20)]
        await until(lambda: hand_over.counts[GATEWAY] == 15)
        await stuck.end()
        self.acceptor.leave(hand_over)
        self.assertEqual(await self.pids(late), [other.pid] * 20)
        await until(lambda: sum(peer.is_gone for peer in early) == 5)
        for peer in early:
            self.assertEqual(peer.is_gone, int(peer.received) == stuck.pid)
        self.assertEqual(self.acceptor.connections, 25)
