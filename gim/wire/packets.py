"""Packets and their errors, independent of the codec."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Protocol

from msgspec import Meta, Struct

from gim.errors import BadRequest, GimError
from gim.model import Event, Push
from gim.wire.requests import OPERATIONS

MAX_OP: Final = 2**31 - 1
MAX_SEQ: Final = 2**53 - 1  # the largest integer that every JSON reader takes exactly

OpCode = Annotated[int, Meta(ge=1, le=MAX_OP)]
SeqNumber = Annotated[int, Meta(ge=0, le=MAX_SEQ)]


class Packet(Struct, frozen=True, gc=False):
    """A request: its op code, the number that its reply repeats, and its body, the operation's struct."""

    op: int
    seq: int
    body: Any


class BadPacket(BadRequest):
    """Not a valid request. ``op`` and ``seq`` are those of the reply that says so."""

    def __init__(self, op: int, seq: int, message: str) -> None:
        super().__init__(message)
        self.op = op
        self.seq = seq


class Codec(Protocol):
    """Writes and reads packets. ``name`` is the WebSocket subprotocol that selects it."""

    name: str
    is_binary: bool

    def decode(self, payload: bytes, is_binary: bool) -> Packet:
        """Read one message, or raise `BadPacket`; no other exception."""

    def encode_reply(self, op: int, seq: int, data: Struct) -> bytes:
        """Write the reply to a request; *op* is the reply's."""

    def encode_error(self, op: int, seq: int, error: GimError) -> bytes:
        """Write a reply that refuses a request; *op* is the reply's."""

    def encode_push(self, push: Push | Event) -> bytes:
        """Write a push of messages, or an event."""


def reply_op(op: int) -> int:
    """Return the op code of the reply to *op*, 0 if *op* can't be a request."""
    return op + 1 if op % 2 else 0


def unknown_op(op: int, seq: int) -> BadPacket:
    """Return the refusal of an op code that is not in `OPERATIONS`."""
    known = ", ".join(map(str, OPERATIONS))
    return BadPacket(reply_op(op), seq, f"op: {op} is not a request: send one of {known}")


_PATH = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")


def explain(error: Exception) -> str:
    """Turn an error of msgspec into a sentence that begins with the name of the field."""
    if isinstance(error, RecursionError):
        return "nested too deeply: send a flat JSON object"
    text = str(error)
    if missing := _MISSING.match(text):
        return f"{missing[1]}: missing, but required"
    path = _PATH.search(text)
    if path is None:
        return text.replace("`", "")
    reason = text[: path.start()].replace("`", "")
    return f"{path[1]}: {reason[0].lower()}{reason[1:]}" if path[1] else reason
