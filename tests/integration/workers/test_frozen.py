"""A worker stands still: the kernel takes what others send it, and nothing reads it."""

from __future__ import annotations

import signal
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, gatherResults

from tests.support.multiprocess.processes import peak_memory_of, runs
from tests.support.multiprocess.server import WorkersTestCase
from tests.support.multiprocess.speakers import Talk
from tests.support.nodes.client import Client
from tests.support.nodes.cluster_case import CHATROOM, SLACK, eventually

MAX_SILENCE = 6.0 + 4 * SLACK  # seconds: five pings without an answer, each of which may be late
SERVED = 1.0 + 2 * SLACK  # seconds until those at other workers have some more acknowledgements
MIB = 2**20
LARGE = (
    *("--max-content", "1MiB", "--max-packet", "2MiB", "--max-session-messages", "12"),
    *("--max-read-rate", "0", "--message-push-duration", "20ms"),  # pushed before others join
)
ASKED = 8 * 12 * MIB  # bytes that answers have which are under way: `gim.storage.linked.long_answers`
MAX_GROWTH = 4 * ASKED  # of the parent, which has copies for a moment


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
        """Its clients have asked for twelve large messages each, which the parent sends as it goes on."""
        server = await self.server(*LARGE)
        ann = await self.at(server, "ann")
        await ann.ask(301, id="den")
        await gatherResults([self.send_large(ann) for _ in range(12)])
        readers = (await self.spread(server, *(f"reader{number}" for number in range(20))))[1]
        await gatherResults([Deferred.fromCoroutine(reader.ask(301, id="den")) for reader in readers])
        talk = Talk(self, server.ws, ("cid", "dan"))
        await talk.start()
        await talk.flows()
        others, before = talk.at(server, 2), peak_memory_of(server.pid)
        server.freeze()
        beats = [Deferred.fromCoroutine(one.ask(105)) for one in readers]
        pages = [Deferred.fromCoroutine(one.attempt(203, session_id="1:den")) for one in readers[1:]]
        await gatherResults(beats)  # so the worker has read the requests behind them
        for _ in range(20):
            await readers[0].ask(105)  # and has had the iterations to ask the parent for all
        former = server.signal_worker(1, signal.SIGSTOP)
        server.thaw()
        await eventually(lambda: not runs(former), "the end of the worker", MAX_SILENCE)
        await server.process.says(r"as the link to it is of no use: \d+ bytes wait to be read")
        self.assertLess(peak_memory_of(server.pid) - before, MAX_GROWTH)
        await DeferredList(pages, consumeErrors=True)
        await talk.flows()
        self.assertTrue(all(len(speaker.links) == 1 for speaker in others))
        await talk.stop()

    def send_large(self, client: Client) -> Deferred[Any]:
        return Deferred.fromCoroutine(client.send(CHATROOM, "den", "." * MIB))
