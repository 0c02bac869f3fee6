"""Close codes of the server: docs/errors.md.

After a code below 3500 a client may reconnect as it is; after any other it has to change something first.
"""

from enum import IntEnum


class CloseCode(IntEnum):
    """Why the server closes a connection."""

    SHUTTING_DOWN = 3001
    TOKEN_EXPIRED = 3005
    READER_TOO_SLOW = 3008
    DATA_SET_CHANGED = 3009
    HEARTBEAT_TIMEOUT = 3012
    TOO_MANY_REQUESTS = 3013
    BAD_TOKENS = 3500
    LOGIN_TIMEOUT = 3502
    DISCONNECTED = 3503
    TOO_MANY_CONNECTIONS = 3504


_OURS = frozenset(CloseCode)


def is_known(code: int) -> bool:
    """Say whether a code is a `CloseCode` or one of RFC 6455, section 7.4.1; clients may send any other.

    1005 stands for a close frame without a code, 1006 for an end without a close frame.
    """
    return code in _OURS or 1000 <= code <= 1015


def going_away(pause: float) -> str:
    """Return the reason of a close with ``SHUTTING_DOWN``: docs/errors.md has its form."""
    return f"going away: reconnect in {pause:.2f} s"
