"""The proxy that harms connections."""

from __future__ import annotations

from itertools import islice
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.protocols.wire import Echo
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.support.fault_proxy import KINDS, FaultProxy, faults
from tests.support.redis.environment import HOST


class Speaker(Protocol):
    """Says a byte now and then, until its connection ends."""

    transport: Any

    def __init__(self) -> None:
        self.heard = b""
        self.gone: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.gone.callback(None)


class FaultProxyTests(TestCase):
    timeout = 30

    async def proxy(self, seed: str, pause: float) -> FaultProxy:
        """Return a proxy before an echo server."""
        listening: Any = await TCP4ServerEndpoint(reactor, 0, interface=HOST).listen(
            Factory.forProtocol(Echo)
        )
        self.addCleanup(listening.stopListening)
        proxy = FaultProxy(listening.getHost().port, seed, pause)
        self.addCleanup(proxy.stop)
        return proxy

    async def speaker(self, proxy: FaultProxy) -> Speaker:
        speaker = await connectProtocol(TCP4ClientEndpoint(reactor, HOST, proxy.port), Speaker())
        self.addCleanup(self._hang_up, speaker)
        return speaker

    def _hang_up(self, speaker: Speaker) -> Deferred[None]:
        speaker.transport.abortConnection()
        return speaker.gone

    def test_the_seed_decides_what_comes(self) -> None:
        one, same, other = (list(islice(faults(seed), 50)) for seed in ("1", "1", "2"))
        self.assertEqual(one, same)
        self.assertNotEqual(one, other)
        self.assertEqual({fault.kind for fault in one[: len(KINDS)]}, {kind.name for kind in KINDS})

    async def test_without_a_fault_it_passes_all_on(self) -> None:
        proxy = await self.proxy("1", 1.0)
        speaker = await self.speaker(proxy)
        speaker.transport.write(b"hello")
        while speaker.heard != b"hello":
            await deferLater(reactor, 0.01)
        self.assertEqual(len(proxy.links), 1)

    async def test_faults_meet_connections_until_it_is_calm(self) -> None:
        proxy = await self.proxy("212", 0.01)
        proxy.start()
        while sum(proxy.counts.values()) < 5:
            await self._speak(proxy)
        proxy.calm()
        counts = proxy.counts.copy()
        speaker = await self.speaker(proxy)
        speaker.transport.write(b"hello")
        while speaker.heard != b"hello":
            await deferLater(reactor, 0.01)
        self.assertEqual(proxy.counts, counts)

    async def _speak(self, proxy: FaultProxy) -> None:
        """Talk until the connection ends, which may be refused."""
        try:
            speaker = await self.speaker(proxy)
        except Exception:
            await deferLater(reactor, 0.05)
            return
        while not speaker.gone.called and sum(proxy.counts.values()) < 5:
            speaker.transport.write(b"x" * 500)
            await deferLater(reactor, 0.02)
