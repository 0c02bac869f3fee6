"""Why the server closes a connection: docs/protocol.md, section 3.

Below 3500 coming back helps, from there on only after a change.
"""

from typing import Final

SHUTTING_DOWN: Final = 3001
TOKEN_EXPIRED: Final = 3005
READER_TOO_SLOW: Final = 3008
DATA_SET_CHANGED: Final = 3009
HEARTBEAT_TIMEOUT: Final = 3012
TOO_MANY_REQUESTS: Final = 3013
BAD_TOKENS: Final = 3500
LOGIN_TIMEOUT: Final = 3502
DISCONNECTED: Final = 3503
TOO_MANY_CONNECTIONS: Final = 3504

_ours = frozenset(code for name, code in tuple(globals().items()) if name.isupper())


def is_known(code: int) -> bool:
    """Say whether a code is one of those above or of RFC 6455, section 7.4.1: clients may send any other.

    1005 stands for a close frame without a code, 1006 for an end without a close frame.
    """
    return code in _ours or 1000 <= code <= 1015


def going_away(pause: float) -> str:
    """Return the reason of a close with `SHUTTING_DOWN`: docs/protocol.md, section 3, has its form."""
    return f"going away: reconnect in {pause:.2f} s"
