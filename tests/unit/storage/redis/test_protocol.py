"""One connection to Redis: subscriptions among commands, and replies that are late."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from gim.errors import Unavailable
from gim.storage.redis.client.protocol import RedisProtocol


class RecordingSubscriber:
    """Keeps the channels that the server ended."""

    def __init__(self) -> None:
        self.dropped_channels: list[bytes] = []

    def dropped(self, channel: bytes) -> None:
        self.dropped_channels.append(channel)


def push(kind: str, channel: str) -> bytes:
    """Return what Redis says of a subscription, in RESP3."""
    return f">3\r\n${len(kind)}\r\n{kind}\r\n${len(channel)}\r\n{channel}\r\n:1\r\n".encode()


class ConnectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        subscriber: Any = RecordingSubscriber()
        self.subscriber, self.clock = subscriber, Clock()
        self.protocol = RedisProtocol(self.clock, 1.5, subscriber)
        self.protocol.makeConnection(StringTransport())
        self.addCleanup(self.protocol.abort)

    def fed(self, *said: bytes) -> None:
        self.protocol.dataReceived(b"".join(said))

    def test_a_subscription_is_confirmed_for_each_of_its_channels(self) -> None:
        both = self.protocol.subscribe("SUBSCRIBE", "a", "b")
        self.fed(push("subscribe", "a"))
        self.assertNoResult(both)
        self.fed(push("subscribe", "b"))
        self.assertIsNone(self.successResultOf(both))

    def test_what_the_server_ends_meanwhile_does_not_pass_for_a_confirmation(self) -> None:
        for command in ("SSUBSCRIBE", "SUNSUBSCRIBE"):
            asked, pong = self.protocol.subscribe(command, "a"), self.protocol.call("PING")
            self.fed(push("sunsubscribe", "b"))
            self.assertNoResult(asked)
            self.fed(push(command.lower(), "a"), b"+PONG\r\n")
            self.assertIsNone(self.successResultOf(asked))
            self.assertEqual(self.text_of(pong), "PONG")
        self.assertEqual(self.subscriber.dropped_channels, [b"b", b"b"])

    def test_a_reply_that_was_there_in_time_counts_though_the_process_was_busy(self) -> None:
        pong = self.protocol.call("PING")
        self.clock.callLater(1.5, self.fed, b"+PONG\r\n")  # behind the timer, as in a turn of the reactor
        self.clock.advance(5)
        self.assertEqual(self.text_of(pong), "PONG")
        self.assertFalse(self.protocol.is_lost)
        late = self.protocol.call("PING")
        self.clock.advance(1.5)
        self.failureResultOf(late, Unavailable)

    def text_of(self, reply: Any) -> str:
        return self.successResultOf(reply).decode()
