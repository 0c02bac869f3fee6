"""Why the server closes a connection: the close frames of docs/protocol.md, section 3."""

from __future__ import annotations

from typing import NamedTuple

from gim.gateway import close_codes
from gim.limits.limits import LOGIN, PACKET


class Closure(NamedTuple):
    """The code and the reason of a close frame."""

    code: int
    reason: str


LOGIN_TIMEOUT = Closure(close_codes.LOGIN_TIMEOUT, "no login in time")
TOKEN_EXPIRED = Closure(close_codes.TOKEN_EXPIRED, "token expired")
HEARTBEAT_TIMEOUT = Closure(close_codes.HEARTBEAT_TIMEOUT, "nothing heard for the heartbeat interval")
TOO_MANY_REQUESTS = Closure(close_codes.TOO_MANY_REQUESTS, "too many requests")
BAD_TOKENS = Closure(close_codes.BAD_TOKENS, "bad tokens")
TOO_MANY_CONNECTIONS = Closure(close_codes.TOO_MANY_CONNECTIONS, "too many connections of this user")
READER_TOO_SLOW = Closure(close_codes.READER_TOO_SLOW, "reader too slow")
DISCONNECTED = Closure(close_codes.DISCONNECTED, "disconnected by an administrator")
DATA_SET_CHANGED = Closure(close_codes.DATA_SET_CHANGED, "data set changed: log in again")

LIMITS = {close_codes.LOGIN_TIMEOUT: LOGIN, 1009: PACKET}  # those that close connections, by code


def shutting_down(delay: float) -> Closure:
    """Return the closure that asks a client to reconnect in *delay* seconds."""
    return Closure(close_codes.SHUTTING_DOWN, close_codes.going_away(delay))
