"""Frames of a link: 4 bytes with the length of what follows, big endian, and messages in msgpack.

The messages of a frame are one msgpack array, so that they are decoded in one go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct as Layout

from msgspec import Struct
from msgspec.msgpack import Encoder

MAX_MESSAGE = 64 * 2**20  # bytes
MAX_SHARED = 64 * 1024  # bytes of a frame with several messages
HEADER = 4  # bytes

_ARRAY_32 = 0xDD  # msgpack: an array with 4 bytes of its length
_begin = Layout(">IBI").pack  # bytes that follow these 4, the kind of array, the number of messages
_ARRAY_HEADER = 5  # bytes

_encode = Encoder().encode


class BadFrame(Exception):
    """A message or a frame that is too long."""


def encode(message: Struct) -> bytes:
    """Return a message in msgpack. Raises `BadFrame` for one that is longer than `MAX_MESSAGE`."""
    encoded = _encode(message)
    if len(encoded) > MAX_MESSAGE:
        raise BadFrame(f"a message of {len(encoded)} bytes is longer than {MAX_MESSAGE}")
    return encoded


def frames_of(messages: Sequence[bytes]) -> bytes:
    """Return encoded messages in one frame, or in several if it would be longer than `MAX_SHARED`."""
    count, body = len(messages), b"".join(messages)
    if count == 1 or len(body) <= MAX_SHARED:
        return _begin(_ARRAY_HEADER + len(body), _ARRAY_32, count) + body
    del body  # a large one is not to be there beside its halves
    half = count // 2
    return frames_of(messages[:half]) + frames_of(messages[half:])


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
        """Yield what is in each frame that *data* completes, an array of messages. Raises `BadFrame`."""
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
        if length > _ARRAY_HEADER + MAX_MESSAGE:
            raise BadFrame(f"a frame of {length} bytes is too long")
        self._parts.append(part)
        self._missing = HEADER + length - len(part)
