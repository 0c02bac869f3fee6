"""Why the server closes a connection: the close frames of docs/protocol.md, section 3."""

from __future__ import annotations

from typing import NamedTuple

from gim.gateway.close_codes import CloseCode, going_away
from gim.limits.limits import LOGIN, PACKET


class Closure(NamedTuple):
    """The code and the reason of a close frame."""

    code: CloseCode
    reason: str


LOGIN_TIMEOUT = Closure(CloseCode.LOGIN_TIMEOUT, "no login in time")
TOKEN_EXPIRED = Closure(CloseCode.TOKEN_EXPIRED, "token expired")
HEARTBEAT_TIMEOUT = Closure(CloseCode.HEARTBEAT_TIMEOUT, "nothing heard for the heartbeat interval")
TOO_MANY_REQUESTS = Closure(CloseCode.TOO_MANY_REQUESTS, "too many requests")
BAD_TOKENS = Closure(CloseCode.BAD_TOKENS, "bad tokens")
TOO_MANY_CONNECTIONS = Closure(CloseCode.TOO_MANY_CONNECTIONS, "too many connections of this user")
READER_TOO_SLOW = Closure(CloseCode.READER_TOO_SLOW, "reader too slow")
DISCONNECTED = Closure(CloseCode.DISCONNECTED, "disconnected by an administrator")
DATA_SET_CHANGED = Closure(CloseCode.DATA_SET_CHANGED, "data set changed: log in again")

LIMITS = {CloseCode.LOGIN_TIMEOUT: LOGIN, 1009: PACKET}  # limits that close connections, by close code


def shutting_down(delay: float) -> Closure:
    """Return the closure that asks a client to reconnect in *delay* seconds."""
    return Closure(CloseCode.SHUTTING_DOWN, going_away(delay))
