"""A link to a server: its pings, and the calls that tell its state."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from gim.storage.redis.client.former import FormerConnections
from gim.storage.redis.client.link import PING_INTERVAL, RECONNECT, REPLY_TIMEOUT, Link
from gim.storage.redis.client.protocol import RedisProtocol

INFO = b"$24\r\nid=7 addr=127.0.0.1:5000\r\n"
KILL = (b"KILL", b"ID", b"7", b"ADDR", b"127.0.0.1:5000")
TIME = b"*2\r\n$1\r\n7\r\n$1\r\n0\r\n"  # the reply of a server whose clock says 7 s


class Server:
    """An endpoint: each connection asks who it is and for the time first, and gets it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.connections: list[Any] = []
        self.killed = b":1\r\n"  # the reply to CLIENT KILL

    def connect(self, factory: Any) -> Deferred[RedisProtocol]:
        connection = factory.buildProtocol(None)
        connection.makeConnection(StringTransport())
        self.connections.append(connection)
        killed = self.killed if len(self.connections) > 1 else b""
        self._clock.callLater(0, connection.dataReceived, INFO + killed + TIME)
        return succeed(connection)


class LinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.server = Server(self.clock)
        self.states: list[str] = []
        self.warnings: list[str] = []
        self.patch(FormerConnections, "_log", self)
        owner: Any = self
        endpoint: Any = self.server
        self.link = Link("test", endpoint, owner, owner, self.clock)
        self.link.startService()
        self.addCleanup(self.link.stopService)
        self.clock.advance(0)

    def warn(self, text: str, **values: Any) -> None:
        """Stand for the log of `FormerConnections`."""
        self.warnings.append(text.format(**values))

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

    def test_the_server_ends_a_former_connection_before_the_next_one_serves(self) -> None:
        self.link.drop()
        self.clock.pump([RECONNECT.first, 0])
        first, second = (connection.transport.value() for connection in self.server.connections)
        self.assertNotIn(b"KILL", first)
        kill = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in KILL)
        self.assertIn(kill, second)

    def test_a_former_connection_that_may_not_be_ended_is_told_of(self) -> None:
        self.patch(self.server, "killed", b"-NOPERM this user has no permissions\r\n")
        self.link.drop()
        self.clock.pump([RECONNECT.first, 0])
        self.assertTrue(self.link.is_up)
        self.assertIn("NOPERM", self.warnings[-1])
