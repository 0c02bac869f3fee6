"""Operations, and what a packet is whatever it is written in."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Protocol

from msgspec import Meta, Struct

from gim.errors import BadRequest, GimError
from gim.model import Event, Push
from gim.wire import requests

LOGIN: Final = 101
LOGOUT: Final = 103
HEARTBEAT: Final = 105
SEND: Final = 201
HISTORY: Final = 203
SESSIONS: Final = 205
PUSH: Final = 207  # from the server only
MARK_READ: Final = 209
RECALL: Final = 211
EVENT: Final = 213  # from the server only
JOIN: Final = 301
LEAVE: Final = 303
MEMBERS: Final = 305
RENAME: Final = 307
DISMISS: Final = 309
REMOVE: Final = 311
MUTE: Final = 313
APPOINT: Final = 315

REQUESTS: Final[dict[int, type[Struct]]] = {
    LOGIN: requests.LoginRequest,
    LOGOUT: requests.LogoutRequest,
    HEARTBEAT: requests.HeartbeatRequest,
    SEND: requests.SendRequest,
    HISTORY: requests.HistoryRequest,
    SESSIONS: requests.SessionsRequest,
    MARK_READ: requests.MarkReadRequest,
    RECALL: requests.RecallRequest,
    JOIN: requests.JoinRequest,
    LEAVE: requests.LeaveRequest,
    MEMBERS: requests.MembersRequest,
    RENAME: requests.RenameRequest,
    DISMISS: requests.DismissRequest,
    REMOVE: requests.RemoveRequest,
    MUTE: requests.MuteRequest,
    APPOINT: requests.AppointRequest,
}

MAX_OP: Final = 2**31 - 1
MAX_SEQ: Final = 2**53 - 1  # the largest integer that every JSON reader takes exactly

Op = Annotated[int, Meta(ge=1, le=MAX_OP)]
Seq = Annotated[int, Meta(ge=0, le=MAX_SEQ)]


class Packet(Struct, frozen=True, gc=False):
    """A request: its operation, the number its reply will bear, and its body, a struct of `REQUESTS`."""

    op: int
    seq: int
    body: Any


class BadPacket(BadRequest):
    """What came is no request. ``op`` and ``seq`` are those of the reply that says so."""

    def __init__(self, op: int, seq: int, message: str) -> None:
        super().__init__(message)
        self.op = op
        self.seq = seq


class Codec(Protocol):
    """Writes and reads packets. ``name`` is the WebSocket subprotocol that asks for it."""

    name: str
    is_binary: bool

    def decode(self, payload: bytes, is_binary: bool) -> Packet:
        """Read one message, or raise `BadPacket`; never anything else."""

    def encode_reply(self, op: int, seq: int, data: Struct) -> bytes:
        """Write the answer to a request, *op* being the reply's."""

    def encode_error(self, op: int, seq: int, error: GimError) -> bytes:
        """Write a refusal, *op* being the reply's."""

    def encode_push(self, push: Push | Event) -> bytes:
        """Write a push of messages, or of an event."""


def reply_op(op: int) -> int:
    """Return the operation of the reply to *op*; 0 where *op* can be no request."""
    return op + 1 if op % 2 else 0


def unknown_op(op: int, seq: int) -> BadPacket:
    """Return the refusal of an operation that is none of `REQUESTS`."""
    return BadPacket(
        reply_op(op), seq, f"op: {op} is none of the requests {', '.join(map(str, REQUESTS))}"
    )


_PATH = re.compile(r" - at `\$\.?([^`]*)`$")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")


def explain(error: Exception) -> str:
    """Put what msgspec says of a struct into a sentence that begins with the field's name."""
    if isinstance(error, RecursionError):
        return "nested too deeply: want a flat JSON object"
    text = str(error)
    if missing := _MISSING.match(text):
        return f"{missing[1]}: missing, but required"
    path = _PATH.search(text)
    if path is None:
        return text.replace("`", "")
    reason = text[: path.start()].replace("`", "")
    return f"{path[1]}: {reason[0].lower()}{reason[1:]}" if path[1] else reason
