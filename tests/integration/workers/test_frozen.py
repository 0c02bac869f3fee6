"""A worker stands still: the kernel takes what others send it, and nothing reads it."""

from __future__ import annotations

import signal
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from tests.support.multiprocess.processes import memory_of, runs
from tests.support.multiprocess.server import WorkersTestCase
from tests.support.multiprocess.speakers import Talk
from tests.support.nodes.client import Client
from tests.support.nodes.cluster_case import PRIVATE, SLACK

MAX_SILENCE = 6.0 + SLACK  # seconds: five pings without an answer
SERVED = 1.0 + SLACK  # seconds until those at other workers have some more acknowledgements
MIB = 2**20
LARGE = ("--max-content", "1MiB", "--max-packet", "2MiB", "--max-session-messages", "10")
# the parent has more: 64 MiB are queued, ten messages are stored, and Python does not give all back
MAX_GROWTH = 128 * MIB


class FrozenTests(WorkersTestCase):
    async def test_it_is_killed_and_its_clients_are_served_elsewhere(self) -> None:
        server = await self.server()
        talk = Talk(self, server.ws, ("ann", "bob", "cid"))
        await talk.start()
        await talk.flows()
        others, began = talk.at(server, 2), reactor.seconds()
        former = server.signal_worker(1, signal.SIGSTOP)
        newcomers = [Deferred.fromCoroutine(self.at(server, f"new{number}")) for number in range(4)]
        while runs(former):
            await talk.flows(5, others, SERVED)
            self.assertLess(reactor.seconds() - began, MAX_SILENCE)
        self.assertGreater(reactor.seconds() - began, 3.0)
        await talk.flows()
        for newcomer in newcomers:  # sockets that the worker did not read went to another one
            await (await newcomer).ask(105)
        self.assertTrue(all(len(speaker.links) == 1 for speaker in others))
        await server.is_back(1, former)
        await talk.settle()
        self.assertIn("as it did not answer 5 pings in a row; it is started again at once", server.said)

    async def test_it_is_killed_when_too_much_waits_for_it(self) -> None:
        server = await self.server(*LARGE)
        (ann,), (bob,) = (await self.spread(server, "ann", "bob")).values()
        talk = Talk(self, server.ws, ("cid", "dan"))
        await talk.start()
        others = talk.at(server, server.worker_of(ann))
        acknowledged = [len(speaker.acknowledged) for speaker in others]
        before, most = memory_of(server.pid), 0
        former = server.signal_worker(server.worker_of(bob), signal.SIGSTOP)
        while runs(former):
            await gatherResults([self.send_large(ann) for _ in range(16)])
            most = max(most, memory_of(server.pid))
        self.assertRegex(server.said, r"as the link to it is of no use: \d+ bytes wait to be read")
        self.assertLess(most - before, MAX_GROWTH)
        for speaker, count in zip(others, acknowledged, strict=True):
            self.assertGreater(len(speaker.acknowledged), count + 10)
        await talk.settle()

    def send_large(self, client: Client) -> Deferred[Any]:
        return Deferred.fromCoroutine(client.send(PRIVATE, "bob", "." * MIB))
