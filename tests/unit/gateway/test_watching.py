"""A connection that is watched: what its watcher sees, and what is left once it is not any more."""

from __future__ import annotations

from typing import Any

from gim.gateway.frames import frame, payloads_of
from tests.support.pipe import Client, GatewayTestCase, ProtoClient


class Kept:
    """Keeps what it sees."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.received_ones: list[tuple[bytes, bool]] = []
        self.written_ones: list[bytes] = []
        self.end: tuple[int | None, str] | None = None
        connection.watch(self)

    def received(self, payload: bytes, is_binary: bool) -> None:
        self.received_ones.append((payload, is_binary))

    def written(self, frames: bytes) -> None:
        self.written_ones += payloads_of(frames)

    def closed(self, code: int | None, reason: str) -> None:
        self.end = code, reason
        self.connection.unwatch()


class WatchTests(GatewayTestCase):
    def watched(self, client: Client) -> Kept:
        (connection,) = self.gateway.connections
        self.assertIs(client.state, client.STATE_OPEN)
        return Kept(connection)

    def test_it_sees_messages_as_they_are_in_either_codec(self) -> None:
        for protocols, kind in ((None, Client), (["gim.proto"], ProtoClient)):
            client = self.connect(protocols=protocols, kind=kind)
            watcher = self.watched(client)
            before = len(client.packets)
            self.data(client, 101, id="ann")
            self.data(client, 105)
            self.assertEqual([binary for _, binary in watcher.received_ones], [kind is ProtoClient] * 2)
            self.assertEqual(len(watcher.written_ones), len(client.packets) - before)
            client.sendClose(4001, "bye")
            self.pump()
            self.assertEqual(watcher.end, (4001, "bye"))

    def test_it_sees_missed_messages_and_pushes_to_chatrooms(self) -> None:
        ann = self.user("ann")
        self.data(ann, 301, id="den")
        login = self.data(ann, 101, id="ann")
        first = self.data(ann, 201, type=2, target_id="bob", content="0")
        for _ in range(30):
            self.data(ann, 201, type=2, target_id="bob", content="x" * 3000)
        bob = self.connect()
        (connection,) = [each for each in self.gateway.connections if each.login is None]
        watcher = Kept(connection)
        self.data(bob, 101, id="bob", since=first["id"], epoch=login["epoch"])
        self.data(bob, 301, id="den")
        self.data(ann, 201, type=1, target_id="den", content="hello")
        self.advance(2.0)
        self.assertEqual(self.contents(bob)[-1], ["hello"])
        self.assertEqual(len(watcher.written_ones), len(bob.packets))
        self.assertEqual(len(bob.packets), 4)  # two replies, what was missed, and the push

    def test_messages_in_fragments_are_seen_as_well(self) -> None:
        client = self.connect()
        watcher = self.watched(client)
        client.sendMessage(b'{"op":105}', fragmentSize=3)
        self.pump()
        self.assertEqual(watcher.received_ones, [(b'{"op":105}', False)])

    def test_nothing_is_left_when_it_is_not_watched_any_more(self) -> None:
        client = self.user("ann")
        watcher = self.watched(client)
        watcher.connection.unwatch()
        watcher.connection.unwatch()
        self.data(client, 105)
        self.assertEqual((watcher.received_ones, watcher.written_ones), ([], []))
        self.assertNotIn("onMessage", vars(watcher.connection))

    def test_once_it_closes_nothing_more_is_written(self) -> None:
        client = self.user("ann")
        watcher = self.watched(client)
        watcher.connection.sendClose(3503, "gone")
        watcher.connection.unwatch()
        watcher.connection.outbound.send(b"late")
        self.pump()
        self.assertEqual(client.closed, (3503, "gone"))
        self.assertEqual(watcher.written_ones, [])


class FrameTests(GatewayTestCase):
    def test_payloads_of_any_length_are_cut_out_of_frames(self) -> None:
        payloads = [b"x" * size for size in (0, 1, 125, 126, 127, 65535, 65536, 70000)]
        frames = b"".join(frame(payload, False) for payload in payloads)
        self.assertEqual(list(payloads_of(frames)), payloads)
        self.assertEqual(list(payloads_of(b"")), [])
