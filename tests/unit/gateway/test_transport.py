"""The transport against a socket that takes what it is told to, and against Twisted's own."""

from __future__ import annotations

import errno
import socket
import tempfile
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor, tcp
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    AdoptedStreamServerEndpoint,
    HostnameEndpoint,
    SSL4ClientEndpoint,
    UNIXClientEndpoint,
    serverFromString,
)
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import deferLater
from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from gim.gateway.accepting import MAX_ACCEPTS
from gim.gateway.transport import (
    BufferingServer,
    BufferingUnixServer,
    DirectServer,
    DirectUnixServer,
    buffer_of,
    upgrade,
    write_at_once,
)
from tests.support.transports import build


class WritingTests(SynchronousTestCase):
    def build(self, *takes: int | OSError) -> None:
        self.transport, self.socket, self.reactor, self.peer = build(DirectServer, list(takes))

    def test_what_the_kernel_takes_is_not_buffered(self) -> None:
        self.build()
        self.transport.write(b"hello")
        self.assertEqual((self.socket.taken, self.transport.unsent), (b"hello", 0))
        self.assertEqual(self.reactor.writers, set())

    def test_the_rest_waits_and_what_comes_later_waits_behind_it(self) -> None:
        self.build(2)
        self.transport.write(b"hello")
        self.transport.write(b" world")
        self.assertEqual((self.socket.taken, self.transport.unsent), (b"he", 9))
        self.reactor.turn()
        self.assertEqual((self.socket.taken, self.transport.unsent), (b"hello world", 0))
        self.transport.write(b"!")
        self.assertEqual((self.socket.taken, self.reactor.writers), (b"hello world!", set()))

    def test_a_socket_that_takes_nothing_costs_one_call(self) -> None:
        self.build(0)
        for _ in range(10):
            self.transport.write(b"x")
        self.assertEqual((self.socket.calls, self.transport.unsent), (1, 10))

    def test_a_sequence_is_written_as_one(self) -> None:
        self.build()
        self.transport.writeSequence([b"a", b"b", b"c"])
        self.assertEqual((self.socket.taken, self.socket.calls), (b"abc", 1))

    def test_a_sequence_waits_as_well(self) -> None:
        self.build(1)
        self.transport.write(b"ab")
        self.transport.writeSequence(iter([b"c", b"d"]))
        self.reactor.turn()
        self.assertEqual(self.socket.taken, b"abcd")

    def test_text_is_refused(self) -> None:
        self.build()
        self.assertRaises(TypeError, self.transport.write, "text")

    def test_closing_waits_for_what_is_unsent(self) -> None:
        self.build(1, 0)
        self.transport.write(b"abc")
        self.transport.loseConnection()
        self.reactor.turn()
        self.assertEqual((self.socket.taken, self.peer.lost), (b"a", []))
        self.reactor.turn()
        self.assertEqual((self.socket.taken, len(self.peer.lost)), (b"abc", 1))

    def test_half_closing_waits_for_what_is_unsent(self) -> None:
        self.build(1)
        self.transport.write(b"abc")
        self.transport.loseWriteConnection()
        self.assertFalse(self.socket.is_shut)
        self.reactor.turn()
        self.assertEqual(
            (self.socket.taken, self.socket.is_shut, self.peer.half_closed), (b"abc", True, 1)
        )
        self.transport.write(b"more")
        self.assertEqual((self.socket.taken, self.transport.unsent), (b"abc", 0))

    def test_a_broken_connection_is_lost_in_a_turn_of_its_own(self) -> None:
        self.build(BrokenPipeError(errno.EPIPE, "broken"), BrokenPipeError(errno.EPIPE, "broken"))
        self.transport.write(b"abc")
        self.assertEqual(self.peer.lost, [])
        self.reactor.turn()
        self.assertEqual(len(self.peer.lost), 1)
        self.transport.write(b"more")
        self.assertEqual((self.socket.taken, self.reactor.writers), (b"", set()))

    def test_after_an_abort_nothing_is_sent(self) -> None:
        self.build()
        self.transport.abortConnection()
        self.transport.write(b"abc")
        self.reactor.turn()
        self.assertEqual((self.socket.taken, len(self.peer.lost)), (b"", 1))

    def test_when_drained_is_called_once(self) -> None:
        self.build(1, 1)
        calls: list[int] = []
        self.transport.write(b"abc")
        self.transport.when_drained = lambda: calls.append(self.transport.unsent)
        self.reactor.turn()
        self.assertEqual(calls, [])
        self.reactor.turn()
        self.transport.write(b"d")
        self.reactor.turn()
        self.assertEqual(calls, [0])

    def test_a_descriptor_on_a_unix_socket_goes_before_what_follows(self) -> None:
        transport, wire, loop, _ = build(DirectUnixServer, [])
        transport.sendFileDescriptor(0)
        transport.write(b"a")
        self.assertEqual((wire.taken, transport in loop.writers), (b"", True))


class UpgradeTests(SynchronousTestCase):
    def test_until_the_upgrade_the_parts_of_a_response_wait_for_each_other(self) -> None:
        for kind in BufferingServer, BufferingUnixServer:
            transport, wire, loop, _ = build(kind, [])
            transport.write(b"head")
            transport.writeSequence([b"bo", b"dy"])
            self.assertEqual((wire.calls, transport.unsent), (0, 8))
            loop.turn()
            self.assertEqual((wire.taken, wire.calls, transport.free), (b"headbody", 1, False))
            upgrade(transport)
            transport.write(b"frame")
            self.assertEqual((wire.taken, wire.calls, transport.free), (b"headbodyframe", 2, True))

    def test_a_whole_response_goes_at_once_and_behind_what_waits(self) -> None:
        for kind in BufferingServer, BufferingUnixServer:
            transport, wire, loop, _ = build(kind, [100, 3])
            transport.write_whole(b"first ")
            self.assertEqual((wire.taken, wire.calls, transport.free), (b"first ", 1, False))
            transport.write_whole(b"second ")
            self.assertEqual((wire.taken, transport.unsent), (b"first sec", 4))
            transport.write_whole(b"third")
            self.assertEqual(transport.unsent, 9)
            loop.turn()
            self.assertEqual((wire.taken, transport.unsent), (b"first second third", 0))
            transport.write(b"a part")
            self.assertEqual(transport.unsent, 6)

    def test_what_waits_at_the_upgrade_goes_first(self) -> None:
        transport, wire, loop, _ = build(BufferingServer, [])
        transport.write(b"response ")
        upgrade(transport)
        transport.write(b"frame")
        self.assertEqual((wire.taken, transport.free), (b"", False))
        loop.turn()
        self.assertEqual((wire.taken, transport.free), (b"response frame", True))

    def test_a_transport_of_another_kind_stays_as_it_is(self) -> None:
        transport, *_ = build(DirectServer, [])
        for each in transport, object():
            upgrade(each)
        self.assertTrue(transport.free)


@implementer(IPullProducer, IPushProducer)
class Producer:
    """Writes *parts*, one for each time it is asked; notes when it is paused and resumed."""

    def __init__(self, transport: Any, parts: list[bytes]) -> None:
        self.transport, self.parts, self.log = transport, parts, []

    def resumeProducing(self) -> None:
        self.log.append("resume")
        if self.parts:
            self.transport.write(self.parts.pop(0))
        else:
            self.transport.unregisterProducer()

    def pauseProducing(self) -> None:
        self.log.append("pause")

    def stopProducing(self) -> None:
        self.log.append("stop")


class ProducerTests(SynchronousTestCase):
    """Twisted's own transport and ours, side by side."""

    def pull(self, kind: type[tcp.Server]) -> tuple[list[bytes], list[str]]:
        transport, wire, loop, _ = build(kind, [2, 0, 1])
        producer = Producer(transport, [b"abc", b"def", b"ghi"])
        transport.registerProducer(producer, False)
        seen = [wire.taken]
        while loop.writers:
            loop.turn()
            seen.append(wire.taken)
        transport.write(b"!")
        loop.turn()
        return [*seen, wire.taken], producer.log

    def test_a_pull_producer_is_asked_when_all_has_gone(self) -> None:
        ours = self.pull(DirectServer)
        self.assertEqual(ours, self.pull(tcp.Server))
        self.assertEqual(ours[0][-1], b"abcdefghi!")
        self.assertEqual(ours[1], ["resume"] * 4)

    def push(self, kind: type[tcp.Server]) -> list[str]:
        transport, _, loop, _ = build(kind, [0, 0, 0])
        producer = Producer(transport, [])
        transport.registerProducer(producer, True)
        for _ in range(3):
            transport.write(b"x" * 40_000)
        while loop.writers:
            loop.turn()
        return producer.log

    def test_a_push_producer_is_paused_and_resumed(self) -> None:
        self.assertEqual(self.push(DirectServer), self.push(tcp.Server))
        self.assertEqual(self.push(DirectServer), ["pause", "pause", "resume"])

    def test_a_producer_keeps_a_closing_connection_until_it_is_done(self) -> None:
        transport, wire, loop, peer = build(DirectServer, [])
        producer = Producer(transport, [b"abc"])
        transport.registerProducer(producer, False)
        transport.loseConnection()
        loop.turn()
        loop.turn()
        self.assertEqual((wire.taken, len(peer.lost)), (b"abc", 1))


# after the end there are only turns: what is written then is lost or not by how far the closing has come
steps = st.lists(st.one_of(st.binary(min_size=1, max_size=9), st.just("turn")), max_size=12)
ends = st.sampled_from(["turn", "lose", "half"])
takes = st.lists(st.integers(0, 5), max_size=12)


class AnyOrderTests(SynchronousTestCase):
    def play(
        self, kind: type[tcp.Server], script: list[bytes | str], end: str, taking: list[int]
    ) -> tuple[bytes, bool, int, list[Any]]:
        transport, wire, loop, peer = build(kind, list(taking))
        acts = {
            "turn": loop.turn,
            "lose": transport.loseConnection,
            "half": transport.loseWriteConnection,
        }
        for step in [*script, end]:
            if isinstance(step, bytes):
                transport.write(step)
            else:
                acts[step]()
        for _ in range(40):
            loop.turn()
        return wire.taken, wire.is_shut, peer.half_closed, peer.lost

    @given(steps, ends, takes)
    def test_whatever_a_socket_takes_the_same_arrives_as_with_twisted(
        self, script: list[bytes | str], end: str, taking: list[int]
    ) -> None:
        ours = self.play(DirectServer, script, end, taking)
        self.assertEqual(ours, self.play(tcp.Server, script, end, taking))
        self.assertEqual(ours[0], b"".join(step for step in script if isinstance(step, bytes)))


def certificate(path: FilePath[str]) -> str:
    """Write a key and a self-signed certificate into a file; return its path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    path.setContent(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(encoding)
    )
    return path.path


class Greeter(Protocol):
    """Says at once what kind of transport it has, and echoes."""

    transport: Any

    def connectionMade(self) -> None:
        kind = type(buffer_of(self.transport)).__name__
        self.transport.write(kind.encode() + b"\n")

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


class Listener(Protocol):
    transport: Any

    def __init__(self) -> None:
        self.received = b""
        self.done: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if self.received.count(b"\n") == 2:
            self.transport.abortConnection()

    def connectionLost(self, reason: Any = None) -> None:
        self.done.callback(self.received)


class WaysToListenTests(TestCase):
    """Every kind of endpoint, with real sockets."""

    async def listen(self, description: str) -> Any:
        endpoint = serverFromString(reactor, description)
        port = await endpoint.listen(Factory.forProtocol(Greeter))
        write_at_once(port)
        self.addCleanup(port.stopListening)
        return port

    async def talk(self, endpoint: Any) -> bytes:
        listener = await endpoint.connect(Factory.forProtocol(Listener))
        listener.transport.write(b"hello\n")
        received = await listener.done
        await deferLater(reactor, 0)  # the other side hears of the end
        return bytes(received)

    async def test_tcp(self) -> None:
        port = await self.listen("tcp:0:interface=127.0.0.1")
        endpoint = HostnameEndpoint(reactor, "127.0.0.1", port.getHost().port)
        self.assertEqual(await self.talk(endpoint), b"DirectServer\nhello\n")

    async def test_unix(self) -> None:
        path = self.short_path()
        await self.listen(f"unix:{path}:lockfile=0")
        self.assertEqual(await self.talk(UNIXClientEndpoint(reactor, path)), b"DirectUnixServer\nhello\n")

    def short_path(self) -> str:
        directory = FilePath(tempfile.mkdtemp())  # that of the test may be too long for a socket
        self.addCleanup(directory.remove)
        return directory.child("socket").path

    async def test_tls_writes_its_records_through_it(self) -> None:
        pem = certificate(FilePath(self.mktemp()))
        port = await self.listen(f"ssl:0:privateKey={pem}:interface=127.0.0.1")
        endpoint = SSL4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port, CertificateOptions())
        self.assertEqual(await self.talk(endpoint), b"DirectServer\nhello\n")

    async def test_a_socket_that_was_handed_in(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        number = listening.getsockname()[1]
        adopted = AdoptedStreamServerEndpoint(reactor, listening.detach(), socket.AF_INET)
        port = await adopted.listen(Factory.forProtocol(Greeter))
        write_at_once(port)
        self.addCleanup(port.stopListening)
        endpoint = HostnameEndpoint(reactor, "127.0.0.1", number)
        self.assertEqual(await self.talk(endpoint), b"DirectServer\nhello\n")

    async def test_a_rush_is_accepted_a_few_at_a_time(self) -> None:
        port = await self.listen("tcp:0:interface=127.0.0.1")
        clients = [
            socket.create_connection(("127.0.0.1", port.getHost().port)) for _ in range(2 * MAX_ACCEPTS)
        ]
        self.addCleanup(lambda: [client.close() for client in clients])
        port.doRead()
        self.assertEqual(port.sessionno, MAX_ACCEPTS)
        while port.sessionno < len(clients):
            await deferLater(reactor, 0)
        for client in clients:
            client.close()
        for _ in range(3):
            await deferLater(reactor, 0.01)
