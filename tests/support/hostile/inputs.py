"""Packets and frames of hostile clients, for hypothesis to draw: good in most parts, to get far."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from itertools import cycle, pairwise
from struct import pack
from typing import Any

from hypothesis import strategies as st

# text that is special somewhere: logs, terminals, Redis, JSON, URLs, paths, formats, markup
NASTY = (
    "", "\0", "\n", "\r\n", "a\nb", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u202e", "\u2066", "\ufeff",
    "*", "[a-z]", "?", "{gim}", "{", "}", "}:ids", "{u:ann}", "__keyspace@0__", "gim:{u:ann}", "gim",
    "a:b", ":", "/", "..", ".", "%", "%00", "%s", "{0.__class__}", "\\", "'", '"', "<b>", "${x}",
    "$(x)", "é", "e\u0301", "😀", "\U000e0001", "ann", "den", "1:den", "2:ann:bob", "2:bob:ann",
    "2:ann:ann", "null", "true", "-1", "0", "1e400", "9" * 30, "a" * 64, "a" * 65, "\u6f22" * 64,
    "x" * 5000,
)  # fmt: skip
texts = st.sampled_from(NASTY) | st.text(max_size=80)
numbers = (
    st.sampled_from(
        (0, 1, 2, -1, 101, 102, 207, 2**31 - 1, 2**31, 2**53 - 1, 2**53, 2**63, 2**64, 10**60)
    )
    | st.integers(-10, 400)
    | st.floats()
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)

OPS = (101, 103, 105, 201, 203, 205, 207, 209, 301, 303, 305)
FIELDS = (
    "id", "name", "token", "since", "epoch", "type", "target_id", "content", "category", "request_id",
    "session_id", "count", "message_id", "cursor", "session_type",
)  # fmt: skip


def plausible() -> st.SearchStrategy[dict[str, Any]]:
    """Return bodies that pass the checks of types and ranges more often than not."""
    ids = st.sampled_from(("ann", "bob", "den", "*", "{u:ann}", "é", "x" * 64)) | texts
    return st.fixed_dictionaries(
        {
            "id": ids,
            "target_id": ids,
            "type": st.sampled_from((1, 2)),
            "content": st.text(min_size=1, max_size=20),
            "session_id": st.sampled_from(("1:den", "2:ann:bob", "2:ann:*")) | texts,
            "message_id": st.sampled_from(("0" * 32, "f" * 32, "01a20719ee967000b573b7ad8eb56857")),
        },
        optional={
            "name": st.text(max_size=64),
            "count": st.integers(0, 101),
            "cursor": texts | cursors,
            "request_id": st.text(max_size=65),
        },
    )


def _cursor(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


cursors = st.builds(
    lambda kind, place: _cursor([kind, place]),
    st.sampled_from(("members", "sessions", "m", "s")) | texts,
    st.lists(st.sampled_from(("f" * 16, "1:den", "0", "")) | texts, max_size=5),
)
bodies = plausible() | st.dictionaries(st.sampled_from(FIELDS), values, max_size=5)


def rarely(draw: st.DrawFn, times: int, outcome: bool = True) -> bool:
    """Draw *outcome* once in so many times, else its opposite."""
    return (draw(st.integers(1, times)) == times) is outcome


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """Draw a JSON packet: its body as an object or in a string, or hurt somewhere."""
    body: Any = draw(plausible() if rarely(draw, 4, False) else bodies | values)
    if draw(st.booleans()):
        body = json.dumps(body)
    packet = {"op": draw(numbers if rarely(draw, 8) else st.sampled_from(OPS)), "body": body}
    if rarely(draw, 4):
        packet["seq"] = draw(numbers)
    return draw(
        hurt(json.dumps(packet, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass"))
    )


@st.composite
def hurt(draw: st.DrawFn, whole: bytes) -> bytes:
    """Draw this, mostly as it is, or with a piece cut out, put in or put in place of another."""
    if rarely(draw, 8, False):
        return whole
    begin = draw(st.integers(0, len(whole)))
    end = draw(st.integers(begin, min(len(whole), begin + 8)))
    return whole[:begin] + draw(st.binary(max_size=8)) + whole[end:]


@st.composite
def frames(draw: st.DrawFn, payloads: st.SearchStrategy[bytes]) -> bytes:
    """Draw a WebSocket frame: a good one mostly, else any opcode, flags, mask, and length."""
    payload = draw(payloads)
    if rarely(draw, 8, False):
        return frame(payload)
    first = draw(st.sampled_from((0x80, 0x00, 0xC0, 0xF0))) | draw(st.integers(0, 15))
    said = draw(
        st.just(len(payload)) | st.sampled_from((0, 125, 126, 65535, 65536, 2**31, 2**63 - 1, 2**63))
    )
    return frame(payload, first, said, draw(st.booleans()), draw(st.sampled_from((0, 126, 127))))


def frame(
    payload: bytes, first: int = 0x81, said: int | None = None, masked: bool = True, form: int = 0
) -> bytes:
    """Return a frame that says to be *said* long, in the form of 126 or 127 also where it need not."""
    length = len(payload) if said is None else said
    flag = 0x80 if masked else 0
    if length >= 65536 or form == 127:
        head = pack("!BBQ", first, flag | 127, length)
    elif length >= 126 or form == 126:
        head = pack("!BBH", first, flag | 126, length)
    else:
        head = pack("!BB", first, flag | length)
    mask = b"\x0f\xf0\x55\xaa"
    return head + (mask + _mask(mask, payload) if masked else payload)


def _mask(mask: bytes, payload: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(payload, cycle(mask), strict=False))


def cut_up(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[bytes]]:
    """Draw the same bytes in pieces, as a network hands them over."""

    def pieces(data: bytes, places: list[int]) -> list[bytes]:
        ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
        return [data[begin:end] for begin, end in pairwise(ends)]

    return st.builds(pieces, whole, st.lists(st.integers(0, 2**16), max_size=4))
