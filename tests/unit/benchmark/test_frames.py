"""Frames that the generator reads, cut in any place, and that it writes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gim.benchmark.frames import CLOSE, PING, TEXT, BadFrame, FrameReader, frame, sent

MESSAGES = [
    (TEXT, b"a"),
    (PING, b""),
    (TEXT, b"b" * 125),
    (TEXT, b"c" * 126),
    (TEXT, b"d" * 70_000),
    (CLOSE, b"\x0b\xb9bye"),
]


class FrameReaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reader = FrameReader()

    def test_messages_that_come_together_are_cut_apart(self) -> None:
        self.assertEqual(self.reader.feed(b"".join(sent(*message) for message in MESSAGES)), MESSAGES)

    def test_messages_that_come_in_pieces_are_joined(self) -> None:
        data = b"".join(sent(*message) for message in MESSAGES)
        for size in (1, 2, 3, 7, 1000):
            reader, found = FrameReader(), []
            for begin in range(0, len(data), size):
                found += reader.feed(data[begin : begin + size])
            self.assertEqual(found, MESSAGES, size)

    def test_fragments_are_joined_around_a_ping(self) -> None:
        data = sent(0x01, b"a") + sent(PING, b"p") + sent(0x00, b"b") + sent(0x80, b"c")
        self.assertEqual(self.reader.feed(data), [(PING, b"p"), (TEXT, b"abc")])

    def test_it_knows_where_a_frame_begins(self) -> None:
        for data, expected in (
            (b"\x81", False),
            (b"\x01a", True),
            (b"\x01\x01a", False),
            (b"\x80\x00", True),
        ):
            self.reader.feed(data)
            self.assertEqual(self.reader.is_between_frames, expected, data)

    def test_masked_and_compressed_frames_are_refused(self) -> None:
        for data in (b"\x81\x80\0\0\0\0", b"\xc1\x00"):
            with self.assertRaises(BadFrame):
                FrameReader().feed(data)


class FrameTests(SynchronousTestCase):
    def test_a_frame_is_masked_with_zeros(self) -> None:
        self.assertEqual(frame(TEXT, b"hi"), b"\x81\x82\0\0\0\0hi")

    def test_longer_ones_have_longer_heads(self) -> None:
        self.assertEqual(frame(TEXT, b"x" * 126)[:8], b"\x81\xfe\x00\x7e\0\0\0\0")
        self.assertEqual(
            frame(TEXT, b"x" * 65536)[:14], b"\x81\xff" + (65536).to_bytes(8, "big") + bytes(4)
        )
