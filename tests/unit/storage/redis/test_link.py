"""A link to a server: its pings, and the calls that tell its state."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from gim.storage.redis.client.link import PING_INTERVAL, RECONNECT, REPLY_TIMEOUT, Link
from gim.storage.redis.client.protocol import RedisProtocol

TIME = b"*2\r\n$1\r\n7\r\n$1\r\n0\r\n"  # the reply of a server whose clock says 7 s


class Server:
    """An endpoint: each connection asks for the time first, and gets it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.connections: list[RedisProtocol] = []

    def connect(self, factory: Any) -> Deferred[RedisProtocol]:
        connection = factory.buildProtocol(None)
        connection.makeConnection(StringTransport())
        self.connections.append(connection)
        self._clock.callLater(0, connection.dataReceived, TIME)
        return succeed(connection)


class LinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.server = Server(self.clock)
        self.states: list[str] = []
        owner: Any = self
        endpoint: Any = self.server
        self.link = Link("test", endpoint, owner, owner, self.clock)
        self.link.startService()
        self.addCleanup(self.link.stopService)
        self.clock.advance(0)

    # what stands for the owner

    async def prepare(self, link: Link, connection: RedisProtocol) -> None:
        """Have nothing to prepare."""

    def link_up(self, link: Link) -> None:
        self.states.append("up")

    def link_down(self, link: Link) -> None:
        self.states.append("down")

    def test_the_clocks_are_compared_with_each_ping(self) -> None:
        before = self.link.deadline()
        self.clock.advance(PING_INTERVAL)
        self.server.connections[-1].dataReceived(TIME.replace(b"7", b"9"))
        self.assertEqual(self.link.deadline() - before, 2000)

    def test_a_command_must_not_run_when_its_sender_has_stopped_waiting(self) -> None:
        usual = self.link.deadline()
        self.assertEqual(usual - self.link.deadline(REPLY_TIMEOUT - 0.25), 250)
        self.assertEqual(usual, self.link.deadline(REPLY_TIMEOUT + 1.0))

    def test_a_ping_that_fails_is_not_the_last(self) -> None:
        for _ in range(3):
            self.clock.advance(PING_INTERVAL)
            self.server.connections[-1].dataReceived(b"+nonsense\r\n")
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertTrue(self.link.is_up)

    def test_a_lost_connection_is_told_and_made_again_with_its_pings(self) -> None:
        self.link.drop()
        self.assertEqual(self.states, ["up", "down"])
        self.clock.pump([RECONNECT.first, 0])
        self.assertEqual((len(self.server.connections), self.states), (2, ["up", "down", "up"]))
        self.clock.advance(PING_INTERVAL)
        transport: Any = self.server.connections[-1].transport
        self.assertEqual(transport.value().count(b"TIME"), 2)
