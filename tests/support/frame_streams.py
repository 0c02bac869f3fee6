"""Streams of frames, drawn by hypothesis: what a peer may send, right or wrong."""

from __future__ import annotations

from itertools import accumulate, pairwise

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tests.support.frames import (
    BINARY,
    CLOSE,
    CONTINUED,
    FIN,
    MASK,
    NO_MASK,
    PING,
    PONG,
    TEXT,
    Encoded,
    encode,
)

quick = settings(
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)

edges = [0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537]
sizes = st.one_of(st.integers(0, 200), st.integers(0, 10), st.sampled_from(edges))
limits = st.sampled_from([10, 125, 126, 127, 65535, 65536, *[80_000] * 6])
masks = st.sampled_from([NO_MASK, NO_MASK, MASK, b"\x80\x00\x01\x02"])
texts = ["x", "ab", "é", "a€", "\U0001f600b", "\x00", "퟿", "\U0010ffff"]
bytes_of_no_text = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"ab\x80", b"\xe2\x82"]
deeds = [b"say close", b"say drop", b"say abort", b"say fail"]  # see `Recording.onMessage`

# what looks like the beginning of a frame where it is none
decoys = [bytes(encode(FIN | TEXT, b"decoy")), bytes(encode(FIN | BINARY, b"", MASK)), b"\x82\x80"]


@st.composite
def payloads(draw: st.DrawFn, is_text: bool) -> bytes:
    """Of any size, but drawn as a pattern that is repeated."""
    patterns = [text.encode() for text in texts] if is_text else [*decoys, *bytes_of_no_text]
    pattern, size = draw(st.sampled_from(patterns)), draw(sizes)
    return (pattern * (size // len(pattern))).ljust(size, b"y")


@st.composite
def messages(draw: st.DrawFn) -> list[Encoded]:
    opcode = draw(st.sampled_from([TEXT, BINARY]))
    return [encode(FIN | opcode, draw(payloads(opcode == TEXT)), draw(masks))]


@st.composite
def sayings(draw: st.DrawFn) -> list[Encoded]:
    return [encode(FIN | TEXT, draw(st.sampled_from(deeds)), draw(masks))]


@st.composite
def controls(draw: st.DrawFn) -> list[Encoded]:
    payload = draw(st.sampled_from([b"", b"z", b"z" * 125, *decoys, *decoys]))
    return [encode(FIN | draw(st.sampled_from([PING, PONG])), payload, draw(masks))]


@st.composite
def fragments(draw: st.DrawFn) -> list[Encoded]:
    """A message in frames, with control frames in between; now and then without its end."""
    opcode = draw(st.sampled_from([TEXT, BINARY]))
    payload, count = draw(payloads(opcode == TEXT)), draw(st.integers(2, 4))
    size, frames = len(payload) // count + 1, []
    for number in range(count):
        fin = FIN if number == count - 1 and draw(st.integers(0, 9)) else 0
        part = payload[number * size : (number + 1) * size]
        frames.append(encode(fin | (CONTINUED if number else opcode), part, draw(masks)))
        if draw(st.booleans()):
            frames += draw(controls())
    return frames


@st.composite
def closes(draw: st.DrawFn) -> list[Encoded]:
    code = draw(st.sampled_from([0, 999, 1000, 1001, 1005, 1007, 1015, 2999, 3000, 4999, 5000]))
    reason = draw(st.sampled_from([b"", b"bye", "é".encode(), b"\xff", b"\xe2\x82", b"x" * 124]))
    payload = draw(st.sampled_from([b"", b"\x03", code.to_bytes(2, "big") + reason]))
    return [encode(FIN | CLOSE, payload, draw(masks))]


@st.composite
def faults(draw: st.DrawFn) -> list[Encoded]:
    """Frames that the RFC forbids, bytes that are none, lengths that nothing follows."""
    kind, payload = draw(st.integers(0, 5)), draw(payloads(draw(st.booleans())))
    if kind == 0:  # reserved bits, reserved opcodes, fragmented or long control frames
        return [encode(draw(st.integers(0, 255)), payload, draw(masks))]
    if kind == 1:
        return [encode(FIN | draw(st.sampled_from([TEXT, BINARY, PING])), payload, None)]
    if kind == 2:  # a length not as short as it could be
        form = draw(st.sampled_from([126, 127]))
        return [encode(FIN | draw(st.sampled_from([TEXT, BINARY])), payload[:65535], MASK, form)]
    if kind == 3:  # text that is none
        bad = draw(st.sampled_from(bytes_of_no_text))
        return [encode(FIN | TEXT, payload[:100] + bad + payload[:3], draw(masks))]
    if kind == 4:  # a length that nothing follows
        length = draw(st.sampled_from([2**63 - 1, 2**63, 2**64 - 1, 65536, 70_000]))
        return [encode(FIN | draw(st.sampled_from([TEXT, BINARY])), b"", MASK, 127, length)]
    return [Encoded(draw(st.binary(max_size=20)), b"")]


right = st.one_of(messages(), messages(), fragments(), controls())
other = st.one_of(sayings(), closes(), faults())


@st.composite
def streams(draw: st.DrawFn) -> list[Encoded]:
    """Some frames that are right, often something else after them, and some more."""
    groups = draw(st.lists(right, min_size=1, max_size=6))
    if draw(st.booleans()):
        groups += [draw(other), *draw(st.lists(right, max_size=3))]
    return [each for group in groups for each in group]


@st.composite
def reads(draw: st.DrawFn) -> list[bytes]:
    """A stream in the pieces that it is read in."""
    frames = draw(streams())
    data = b"".join(map(bytes, frames))
    edges = list(accumulate(len(part) for each in frames for part in each))
    how = draw(st.sampled_from(["edges", "edges", "near edges", "even", "whole"]))
    if how == "even":
        step = max(draw(st.sampled_from([1, 2, 3, 5, 7, 100, 4096])), len(data) // 500)
        cuts = list(range(0, len(data), step))
    elif how == "edges":
        cuts = draw(st.lists(st.sampled_from(edges), min_size=1, max_size=9))
    elif how == "near edges":
        near = st.tuples(st.sampled_from(edges), st.integers(-3, 7))
        cuts = [edge + offset for edge, offset in draw(st.lists(near, min_size=1, max_size=6))]
    else:
        cuts = []
    places = sorted({0, len(data), *(place for place in cuts if 0 < place < len(data))})
    return [data[begin:end] for begin, end in pairwise(places)]
