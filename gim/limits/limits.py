"""How much a client may do, and how often a limit was reached."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

# Names of limits in log lines and metrics: those of their options.
CONNECTIONS = "max-connections"
ADDRESS_CONNECTIONS = "max-address-connections"
USER_CONNECTIONS = "max-user-connections"
PACKET_RATE = "max-packet-rate"
PACKET_BURST = "max-packet-burst"
SEND_RATE = "max-send-rate"
READ_RATE = "max-read-rate"
LOGIN_RATE = "max-login-rate"
USER_CHATROOMS = "max-user-chatrooms"
CHATROOM_MEMBERS = "max-chatroom-members"
REACTOR_DELAY = "max-reactor-delay"
MEMORY = "max-memory"
HANDSHAKE = "handshake-timeout"
LOGIN = "login-timeout"
CONTENT = "max-content"
PACKET = "max-packet"

OPEN_FILES = "open-files"  # of the process: the only one without an option

# A dry run only counts these; sizes and times hold in any case.
SWITCHED = (
    CONNECTIONS,
    ADDRESS_CONNECTIONS,
    USER_CONNECTIONS,
    PACKET_RATE,
    SEND_RATE,
    READ_RATE,
    LOGIN_RATE,
    USER_CHATROOMS,
    CHATROOM_MEMBERS,
    REACTOR_DELAY,
    MEMORY,
)
FIXED = (OPEN_FILES, HANDSHAKE, LOGIN, CONTENT, PACKET)
ALL = (*SWITCHED, *FIXED)


class Limits(Struct, frozen=True, kw_only=True):
    """The limits by the names of their options; 0 stands for no limit."""

    max_connections: int
    max_address_connections: int
    max_user_connections: int
    max_packet_rate: int  # a second
    max_packet_burst: int
    max_send_rate: int  # messages a second
    max_read_rate: int  # rows and KiB a second
    max_login_rate: int  # logins over HTTP a second
    max_user_chatrooms: int
    max_chatroom_members: int
    max_reactor_delay: float  # seconds
    max_memory: int  # bytes


class LimitHits:
    """Counts by name how often each limit was reached: ``counts``."""

    def __init__(self, is_enforced: bool) -> None:
        """Unless *is_enforced*, what reaches a limit of `SWITCHED` is counted and not refused."""
        self.is_enforced = is_enforced
        self.counts: Counter[str] = Counter()

    def hit(self, name: str) -> bool:
        """Count that a limit was reached; say whether to refuse for it."""
        self.counts[name] += 1
        return self.is_enforced

    def reached(self, name: str, limit: int, count: int) -> bool:
        """Say whether *count* is at the *limit*, so that one more is to be refused. That is counted."""
        return 0 < limit <= count and self.hit(name)
