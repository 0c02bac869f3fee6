"""Which reads take the short way in, and which go to Autobahn."""

from __future__ import annotations

from typing import Any

from tests.support.both_sides import BothSidesTestCase, received
from tests.support.frames import BINARY, FIN, MASK, PING, TEXT, encode


class ShortWayTests(BothSidesTestCase):
    """Which reads go which way."""

    def setUp(self) -> None:
        super().setUp()
        self.one = bytes(encode(FIN | TEXT, b"one", MASK))
        self.two = bytes(encode(FIN | BINARY, b"two", MASK))
        self.ping = bytes(encode(FIN | PING, b"ping", MASK))

    def watched(self, limit: int = 65536) -> tuple[Any, list[bytes]]:
        """Return a connection and what Autobahn gets of it from now on."""
        protocol, handed_over = self.open(limit), []
        autobahn = protocol._dataReceived

        def note(data: bytes) -> None:
            handed_over.append(data)
            autobahn(data)

        protocol._dataReceived = note
        return protocol, handed_over

    def test_common_frames_never_come_to_autobahn(self) -> None:
        protocol, handed_over = self.watched()
        sent = [(b"x" * size, bool(size % 2)) for size in (0, 1, 125, 126, 127, 5000, 65535)]
        frames = [bytes(encode(FIN | TEXT + kind, text, MASK)) for text, kind in sent]
        for each in frames:
            protocol.dataReceived(each)
        protocol.dataReceived(b"".join(frames))
        self.assertEqual(handed_over, [])
        self.assertEqual(received(protocol.events), sent + sent)
        self.assertEqual({type(payload) for payload, _ in received(protocol.events)}, {bytes})

    def test_all_from_the_first_other_frame_on_goes_to_autobahn(self) -> None:
        protocol, handed_over = self.watched()
        rest = self.ping + self.two + self.one
        protocol.dataReceived(self.one + self.two + rest)
        self.assertEqual(handed_over, [rest])
        sent = [(b"one", False), (b"two", True)]
        self.assertEqual(received(protocol.events), [*sent, *reversed(sent)])

    def test_an_incomplete_frame_goes_to_autobahn_with_the_read_that_ends_it(self) -> None:
        for at in range(1, len(self.two)):
            protocol, handed_over = self.watched()
            protocol.dataReceived(self.one + self.two[:at])
            protocol.dataReceived(self.two[at:] + self.one)
            protocol.dataReceived(self.one)
            self.assertEqual(handed_over, [self.two[:at], self.two[at:] + self.one])
            self.assertEqual(len(received(protocol.events)), 4)

    def test_after_other_frames_the_way_is_short_again(self) -> None:
        first, last = bytes(encode(TEXT, b"be", MASK)), bytes(encode(FIN, b"gin", MASK))
        long = bytes(encode(FIN | BINARY, b"x" * 65536))
        for reads in [self.ping], [self.ping[:4], self.ping[4:]], [first, last], [long]:
            protocol, handed_over = self.watched()
            for read in reads:
                protocol.dataReceived(read)
            self.assertEqual(b"".join(handed_over), b"".join(reads))  # a long one comes in pieces
            protocol.dataReceived(self.one)
            self.assertEqual(b"".join(handed_over), b"".join(reads))
            self.assertEqual(received(protocol.events)[-1], (b"one", False))

    def test_within_a_message_in_fragments_all_goes_to_autobahn(self) -> None:
        protocol, handed_over = self.watched()
        reads = [bytes(encode(TEXT, b"be", MASK)), self.ping, self.one]
        for read in reads:
            protocol.dataReceived(read)
        self.assertEqual(handed_over, reads)
        self.assertEqual((received(protocol.events), protocol.localCloseCode), ([], 1002))

    def test_within_a_control_frame_all_goes_to_autobahn(self) -> None:
        for at in range(1, len(self.ping)):
            protocol, handed_over = self.watched()
            protocol.dataReceived(self.ping[:at])
            protocol.dataReceived(self.ping[at:] + self.one)
            self.assertEqual(handed_over, [self.ping[:at], self.ping[at:] + self.one], at)

    def test_once_we_close_all_goes_to_autobahn(self) -> None:
        protocol, handed_over = self.watched()
        protocol.sendClose(3000, "enough")
        protocol.dataReceived(self.one)
        self.assertEqual((handed_over, received(protocol.events)), ([self.one], []))

    def test_with_an_extension_all_goes_to_autobahn(self) -> None:
        protocol = self.open()
        protocol._perMessageCompress = object()
        handed_over: list[bytes] = []
        protocol._dataReceived = handed_over.append
        protocol.dataReceived(self.one)
        self.assertEqual((handed_over, received(protocol.events)), ([self.one], []))

    def test_the_limit_decides(self) -> None:
        protocol, handed_over = self.watched(limit=100)
        fits, longer = (bytes(encode(FIN | TEXT, b"x" * size, MASK)) for size in (100, 101))
        protocol.dataReceived(fits + longer)
        self.assertEqual((handed_over, received(protocol.events)), ([longer], [(b"x" * 100, False)]))
        self.assertEqual(protocol.localCloseCode, 1009)
