"""A port that is bound and lets those who connect wait."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from gim.gateway.transport import write_at_once
from gim.net.listening import Listening


class ListeningTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        self.heard: Deferred[bytes] = Deferred()
        factory = Factory.forProtocol(Protocol)
        factory.buildProtocol = lambda address: self.protocol()  # type: ignore[assignment]
        endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
        self.listening = Listening("gateway", endpoint, factory, write_at_once, at_once=False)
        self.addCleanup(self.listening.stopService)

    def protocol(self) -> Protocol:
        protocol = Protocol()
        protocol.dataReceived = self.hear
        return protocol

    def number(self) -> int:
        port: Any = self.listening.port
        return int(port.getHost().port)

    def hear(self, data: bytes) -> None:
        self.heard.callback(data)

    async def test_who_connects_early_is_served_once_it_accepts(self) -> None:
        self.listening.startService()
        with socket.create_connection(("127.0.0.1", self.number())) as client:
            client.sendall(b"early")
            await deferLater(reactor, 0)
            await deferLater(reactor, 0)
            self.assertFalse(self.heard.called)
            self.listening.accept()
            self.assertEqual(await self.heard, b"early")

    async def test_it_may_be_told_before_it_listens(self) -> None:
        self.listening.accept()
        self.listening.startService()
        with socket.create_connection(("127.0.0.1", self.number())) as client:
            client.sendall(b"late")
            self.assertEqual(await self.heard, b"late")
