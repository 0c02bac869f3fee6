"""Frames: what is cut off a stream, and what is written."""

from __future__ import annotations

from autobahn.twisted.websocket import WebSocketServerFactory
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gim.gateway.frames import cut, frame
from tests.support.frame_streams import bytes_of_no_text, edges, limits, payloads, quick, streams, texts
from tests.support.frames import BINARY, FIN, MASK, TEXT, Encoded, decode, encode

ANY_LIMIT = 2**32


def plain_cut(data: bytes, limit: int) -> tuple[list[tuple[bytes, bool]], int]:
    """What `cut` says it does, by other means."""
    messages: list[tuple[bytes, bool]] = []
    at = 0
    while decoded := decode(data[at:]):
        first, is_masked, payload, size = decoded
        is_common = is_masked and first in (FIN | TEXT, FIN | BINARY) and len(payload) < 65536
        is_bad_text = first == FIN | TEXT and "\ufffd" in payload.decode(errors="replace")
        if not is_common or len(payload) > limit or is_bad_text:
            break
        messages.append((payload, first == FIN | BINARY))
        at += size
    return messages, at


class CutTests(SynchronousTestCase):
    def assertStops(self, rest: Encoded | bytes, limit: int = ANY_LIMIT) -> None:
        """Whatever came before it, it ends right before *rest*."""
        before = [(b"", False), (b"x" * 125, True), ("€".encode() * 42, False), (b"x" * 300, True)]
        for count in range(len(before) + 1):
            taken = before[:count]
            front = b"".join(bytes(encode(FIN | TEXT + kind, text, MASK)) for text, kind in taken)
            self.assertEqual(cut(front + bytes(rest), limit), (taken, len(front)), rest)

    def test_nothing(self) -> None:
        self.assertEqual(cut(b"", ANY_LIMIT), ([], 0))
        self.assertStops(b"")

    def test_every_length_that_is_common(self) -> None:
        for size in (*range(300), 4095, 4096, 65534, 65535):
            data = bytes(encode(FIN | BINARY, (b"0123456789abc" * (size // 13 + 1))[:size], MASK))
            payload = (b"0123456789abc" * (size // 13 + 1))[:size]
            self.assertEqual(cut(data, size), ([(payload, True)], len(data)), size)

    def test_a_frame_that_is_longer_than_common(self) -> None:
        self.assertStops(encode(FIN | BINARY, b"x" * 65536))
        self.assertStops(encode(FIN | BINARY, b"x" * 70_000))

    def test_an_incomplete_frame(self) -> None:
        for size in 0, 1, 10, 125, 126, 300:
            whole = bytes(encode(FIN | TEXT, b"x" * size, MASK))
            for length in range(len(whole)):
                self.assertStops(whole[:length])

    def test_the_limit(self) -> None:
        for limit in 300, 1000, 65534:
            self.assertStops(encode(FIN | TEXT, b"x" * (limit + 1), MASK), limit)
            data = bytes(encode(FIN | TEXT, b"x" * limit, MASK))
            self.assertEqual(cut(data, limit)[1], len(data))

    def test_a_length_not_as_short_as_it_could_be(self) -> None:
        for size in 0, 1, 125:
            self.assertStops(encode(FIN | TEXT, b"x" * size, MASK, 126))
            self.assertStops(encode(FIN | TEXT, b"x" * size, MASK, 127))
        self.assertStops(encode(FIN | TEXT, b"x" * 126, MASK, 127))

    def test_an_unmasked_frame(self) -> None:
        for size in 0, 10, 125, 126, 300:
            self.assertStops(encode(FIN | TEXT, b"x" * size, None))

    def test_every_other_first_byte(self) -> None:
        for first in range(256):
            if first not in (FIN | TEXT, FIN | BINARY):
                self.assertStops(encode(first, b"x" * 10, MASK))

    def test_text_that_is_not_utf_8(self) -> None:
        for bad in bytes_of_no_text:
            for payload in bad, b"x" + bad, bad + b"x", b"x" * 200 + bad:
                self.assertStops(encode(FIN | TEXT, payload, MASK))
                data = bytes(encode(FIN | BINARY, payload, MASK))
                self.assertEqual(cut(data, ANY_LIMIT), ([(payload, True)], len(data)))

    def test_text_that_is_utf_8(self) -> None:
        for text in texts:
            payload = text.encode()
            data = bytes(encode(FIN | TEXT, payload, MASK))
            self.assertEqual(cut(data, ANY_LIMIT), ([(payload, False)], len(data)))

    @quick
    @given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
    def test_every_payload_with_every_mask(self, payload: bytes, mask: bytes) -> None:
        data = bytes(encode(FIN | BINARY, payload, mask))
        self.assertEqual(cut(data, ANY_LIMIT), ([(payload, True)], len(data)))

    @quick
    @given(streams(), limits, st.integers(0, 10))
    def test_any_frames(self, frames: list[Encoded], limit: int, short: int) -> None:
        data = b"".join(map(bytes, frames))
        data = data[: len(data) - short]
        self.assertEqual(cut(data, limit), plain_cut(data, limit))

    @quick
    @given(st.lists(st.sampled_from(b"\x80\x81\x82\x83\x85\xfe\xff\x00\x01\x7e"), max_size=40))
    def test_any_bytes(self, data: list[int]) -> None:
        self.assertEqual(cut(bytes(data), ANY_LIMIT), plain_cut(bytes(data), ANY_LIMIT))


class FrameTests(SynchronousTestCase):
    def test_the_head_is_as_short_as_can_be(self) -> None:
        for size, head in (
            (0, "8100"),
            (1, "8101"),
            (125, "817d"),
            (126, "817e007e"),
            (127, "817e007f"),
            (65535, "817effff"),
            (65536, "817f0000000000010000"),
            (70_000, "817f0000000000011170"),
        ):
            payload = b"x" * size
            self.assertEqual(frame(payload, False), bytes.fromhex(head) + payload, size)
            self.assertEqual(frame(payload, True), b"\x82" + bytes.fromhex(head)[1:] + payload, size)

    def test_as_autobahn_writes_it(self) -> None:
        factory = WebSocketServerFactory()
        for size in edges:
            for is_binary in False, True:
                prepared = factory.prepareMessage(b"x" * size, is_binary)
                self.assertEqual(frame(b"x" * size, is_binary), prepared.payloadHybi, size)

    @quick
    @given(st.one_of(st.binary(max_size=300), payloads(False)), st.booleans())
    def test_what_is_written_can_be_read(self, payload: bytes, is_binary: bool) -> None:
        data = frame(payload, is_binary)
        first = FIN | (BINARY if is_binary else TEXT)
        self.assertEqual(decode(data + b"more"), (first, False, payload, len(data)))
