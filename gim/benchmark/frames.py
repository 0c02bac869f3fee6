"""WebSocket frames as a client reads and writes them (RFC 6455, section 5).

A frame is masked with zeros, which leaves its payload as it is: masking costs the generator nothing, and
the server the same as ever. The mask protects proxies from what a web page makes a browser send; here
everything that is sent is made here.
"""

from __future__ import annotations

TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A  # the first byte of a frame that is a whole message
_BINARY = 0x82
_WHOLE = frozenset({TEXT, _BINARY, CLOSE, PING, PONG})
_MASK = bytes(4)
_CONTINUATION, _FINAL = 0x00, 0x80


class BadFrame(Exception):
    """The server sent what is not a frame."""


def frame(kind: int, payload: bytes) -> bytes:
    """Return a frame of a client."""
    return head(kind, len(payload)) + payload


def sent(kind: int, payload: bytes) -> bytes:
    """Return a frame of a server."""
    return _start(kind, len(payload), 0) + payload


def head(kind: int, length: int) -> bytes:
    """Return what stands before a payload of so many bytes of a client."""
    return _start(kind, length, 0x80) + _MASK


def _start(kind: int, length: int, mask: int) -> bytes:
    if length < 126:
        return bytes((kind, mask | length))
    if length < 1 << 16:
        return bytes((kind, mask | 126)) + length.to_bytes(2, "big")
    return bytes((kind, mask | 127)) + length.to_bytes(8, "big")


class FrameReader:
    """Cuts what arrives into messages, however the network has cut it."""

    __slots__ = ("_fragments", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._fragments: list[bytes] = []  # the first byte of a message, and what came of it

    @property
    def is_between_frames(self) -> bool:
        """Whether the next byte begins a frame that is not part of a message."""
        return not self._rest and not self._fragments

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the first byte and the payload of each message that is complete. Raises `BadFrame`."""
        if self._rest:
            data = self._rest + data
        found, at, end = list[tuple[int, bytes]](), 0, len(data)
        while end - at >= 2:
            first, length, begin = data[at], data[at + 1], at + 2
            if length > 125:
                begin += 2 if length == 126 else 8
                if length > 127:
                    raise BadFrame("it sent a masked frame")
                if begin > end:
                    break
                length = int.from_bytes(data[at + 2 : begin], "big")
            if begin + length > end:
                break
            at = begin + length
            if first in _WHOLE:
                found.append((first, data[begin:at]))
            else:
                self._fragment(first, data[begin:at], found)
        self._rest = data[at:]
        return found

    def _fragment(self, first: int, payload: bytes, found: list[tuple[int, bytes]]) -> None:
        """Keep a part of a message; hand the message on with its last part."""
        if first & 0x70:
            raise BadFrame("it sent a compressed frame")
        if first & 0x0F == _CONTINUATION:
            self._fragments.append(payload)
        else:
            self._fragments = [bytes((first | _FINAL,)), payload]
        if first & _FINAL:
            found.append((self._fragments[0][0], b"".join(self._fragments[1:])))
            self._fragments = []
