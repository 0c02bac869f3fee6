"""Why the server closes a connection: docs/protocol.md, section 3.

Below 3500 coming back helps, from there on only after a change.
"""

from typing import Final

SHUTTING_DOWN: Final = 3001
READER_TOO_SLOW: Final = 3008
DATA_SET_CHANGED: Final = 3009
HEARTBEAT_TIMEOUT: Final = 3012
LOGIN_TIMEOUT: Final = 3502
