"""Why the server closes a connection: docs/protocol.md, section 3.

Below 3500 coming back helps, from there on only after a change.
"""

from typing import Final

SHUTTING_DOWN: Final = 3001
READER_TOO_SLOW: Final = 3008
DATA_SET_CHANGED: Final = 3009
HEARTBEAT_TIMEOUT: Final = 3012
LOGIN_TIMEOUT: Final = 3502


def going_away(pause: float) -> str:
    """Return the reason of a close with `SHUTTING_DOWN`: docs/protocol.md, section 3, has its form."""
    return f"going away: reconnect in {pause:.2f} s"
