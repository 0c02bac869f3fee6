"""The short way in beside Autobahn's own: the same bytes, in any reads, have the same effect."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.both_sides import HANDSHAKE, BothSidesTestCase, Ours, received
from tests.support.frame_streams import controls, deeds, limits, messages, quick, reads, streams
from tests.support.frames import BINARY, CLOSE, FIN, MASK, PING, PONG, TEXT, Encoded, decode, encode


class AsOnAutobahnTests(BothSidesTestCase):
    @quick
    @given(reads(), limits)
    def test_any_frames_in_any_reads(self, pieces: list[bytes], limit: int) -> None:
        self.assertSame(limit, [HANDSHAKE, *pieces])

    @quick
    @given(streams(), st.integers(0, len(HANDSHAKE) + 20))
    def test_frames_in_the_same_read_as_the_handshake(self, frames: list[Encoded], at: int) -> None:
        data = HANDSHAKE + b"".join(map(bytes, frames))[:8000]
        self.assertSame(4000, [data[:at], data[at:]] if at else [data])

    @quick
    @given(st.lists(st.one_of(messages(), controls()), max_size=6), st.data())
    def test_what_is_right_all_arrives(self, groups: list[list[Encoded]], data: st.DataObject) -> None:
        """Not only the same on both sides: the right."""
        frames = [bytes(each) for group in groups for each in group]
        parsed = [decoded for each in frames if (decoded := decode(each))]
        self.assertEqual(len(parsed), len(frames))
        sent = [
            (payload, first == FIN | BINARY)
            for first, _, payload, _ in parsed
            if first in (FIN | TEXT, FIN | BINARY)
        ]
        stream = b"".join(frames)
        cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=5))
        places = sorted({0, len(stream), *cuts})
        pieces = [stream[begin:end] for begin, end in pairwise(places)]
        self.assertEqual(received(self.play(Ours, 80_000, [HANDSHAKE, *pieces])), sent)

    def cut_everywhere(self, frames: list[Encoded], limit: int = 1000) -> list[Any]:
        """Play *frames* in two reads, and in three with one byte alone, cut at each place."""
        stream = b"".join(map(bytes, frames))
        for at in range(1, len(stream)):
            self.assertSame(limit, [HANDSHAKE, stream[:at], stream[at:]])
            three = [stream[:at], stream[at : at + 1], stream[at + 1 :]]
            self.assertSame(limit, [HANDSHAKE, *filter(None, three)])
        return self.assertSame(limit, [HANDSHAKE, stream])

    def test_two_messages_cut_everywhere(self) -> None:
        events = self.cut_everywhere(
            [encode(FIN | TEXT, "h€llo".encode(), MASK), encode(FIN | BINARY, b"x" * 130, MASK)]
        )
        self.assertEqual(received(events), [("h€llo".encode(), False), (b"x" * 130, True)])

    def test_a_ping_that_holds_a_frame_cut_everywhere(self) -> None:
        decoy = bytes(encode(FIN | TEXT, b"decoy"))
        events = self.cut_everywhere([encode(FIN | PING, decoy), encode(FIN | TEXT, b"after", MASK)])
        self.assertEqual(received(events), [(b"after", False)])
        self.assertIn(("write", bytes(encode(FIN | PONG, decoy, None))), events)

    def test_a_message_that_holds_frames_cut_everywhere(self) -> None:
        decoy = bytes(encode(FIN | TEXT, b"decoy"))
        events = self.cut_everywhere(
            [encode(FIN | BINARY, decoy * 2), encode(BINARY, decoy), encode(FIN, decoy)]
        )
        self.assertEqual(received(events), [(decoy * 2, True), (decoy * 2, True)])

    def test_heads_that_go_on_like_a_frame_cut_everywhere(self) -> None:
        """What follows the first byte could be an empty frame."""
        events = self.cut_everywhere(
            [encode(FIN | TEXT, b"t", b"\x80abc"), encode(FIN | BINARY, b"bb", b"\x80abc")]
        )
        self.assertEqual(received(events), [(b"t", False), (b"bb", True)])

    def test_fragments_around_a_ping_cut_everywhere(self) -> None:
        events = self.cut_everywhere(
            [
                encode(TEXT, b"a\xe2\x82", MASK),
                encode(FIN | PING, b"?", MASK),
                encode(FIN, b"\xac", MASK),
                encode(FIN | TEXT, b"b"),
            ]
        )
        self.assertEqual(received(events), [("a€".encode(), False), (b"b", False)])

    def test_a_close_between_messages_cut_everywhere(self) -> None:
        events = self.cut_everywhere(
            [
                encode(FIN | TEXT, b"before"),
                encode(FIN | CLOSE, b"\x03\xe8bye", MASK),
                encode(FIN | TEXT, b"after"),
            ]
        )
        self.assertEqual(received(events), [(b"before", False)])

    def test_a_fault_between_messages_cut_everywhere(self) -> None:
        for fault, code in (
            (encode(FIN | TEXT, b"\xff", MASK), 1007),
            (encode(FIN | TEXT, b"x" * 1001), 1009),
            (encode(FIN | TEXT, b"unmasked", None), 1002),
            (encode(FIN | TEXT, b"long form", MASK, 126), 1002),
            (encode(FIN | 0x40 | TEXT, b"reserved bit", MASK), 1002),
            (encode(FIN | 3, b"reserved opcode", MASK), 1002),
            (encode(FIN, b"nothing to continue", MASK), 1002),
        ):
            before, after = encode(FIN | TEXT, b"before"), encode(FIN | TEXT, b"after")
            if len(fault.body) < 1000:
                self.cut_everywhere([before, fault, after])
            events = self.assertSame(1000, [HANDSHAKE, bytes(before) + bytes(fault) + bytes(after)])
            self.assertEqual(received(events), [(b"before", False)], fault)
            (close,) = [event[1] for event in events if event[0] == "write" and event[1][0] == 0x88]
            self.assertEqual(int.from_bytes(close[2:4], "big"), code, fault)

    def test_what_follows_a_close_of_our_own_in_the_same_read_is_not_heard(self) -> None:
        for deed in deeds:
            pieces = [encode(FIN | TEXT, each) for each in (b"before", deed, b"after", b"after")]
            events = self.assertSame(1000, [HANDSHAKE, b"".join(map(bytes, pieces))])
            self.assertEqual(received(events), [(b"before", False), (deed, False)])
