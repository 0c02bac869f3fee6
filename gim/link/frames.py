"""Frames of a link: 4 bytes with the length of what follows, big endian, and a message in msgpack."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.msgpack import Encoder

MAX_FRAME = 64 * 2**20  # bytes, without the header
HEADER = 4  # bytes

_encode = Encoder().encode


class BadFrame(Exception):
    """A frame that is too long."""


def encode(message: Struct) -> bytes:
    """Return the frame of a message. Raises `BadFrame` for one that is longer than `MAX_FRAME`."""
    body = _encode(message)
    if len(body) > MAX_FRAME:
        raise BadFrame(f"a message of {len(body)} bytes is longer than {MAX_FRAME}")
    return len(body).to_bytes(HEADER, "big") + body


class FrameCutter:
    """Cuts a stream of bytes into frames.

    The parts of a frame that comes in pieces are joined once, when the last one is there. So the cost of
    a long frame grows with its length only.
    """

    __slots__ = ("_missing", "_parts")

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # of a frame that is incomplete
        self._missing = 0  # bytes of it; of its header if that is incomplete

    def cut(self, data: bytes) -> Iterator[bytes]:
        """Yield the message of each frame that *data* completes. Raises `BadFrame`."""
        if self._parts:
            self._parts.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return
            data = b"".join(self._parts)
            self._parts.clear()
        at, size = 0, len(data)
        while (start := at + HEADER) <= size:
            end = start + int.from_bytes(data[at:start], "big")
            if end > size:
                break
            yield data[start:end]
            at = end
        if at < size:
            self._keep(data[at:])

    def _keep(self, part: bytes) -> None:
        length = int.from_bytes(part[:HEADER], "big") if len(part) >= HEADER else 0
        if length > MAX_FRAME:
            raise BadFrame(f"a frame of {length} bytes is longer than {MAX_FRAME}")
        self._parts.append(part)
        self._missing = HEADER + length - len(part)
