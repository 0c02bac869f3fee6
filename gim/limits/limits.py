"""How much anybody may do of what, and how often somebody came up against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

CONNECTIONS = "max-connections"
ADDRESS_CONNECTIONS = "max-address-connections"
USER_CONNECTIONS = "max-user-connections"
PACKET_RATE = "max-packet-rate"
PACKET_BURST = "max-packet-burst"
SEND_RATE = "max-send-rate"
USER_CHATROOMS = "max-user-chatrooms"
CHATROOM_MEMBERS = "max-chatroom-members"
REACTOR_DELAY = "max-reactor-delay"
MEMORY = "max-memory"
HANDSHAKE = "handshake-timeout"
LOGIN = "login-timeout"
CONTENT = "max-content"
PACKET = "max-packet"

# Those that a dry run only counts, and those that hold in any case: sizes and times.
SWITCHED = (
    CONNECTIONS,
    ADDRESS_CONNECTIONS,
    USER_CONNECTIONS,
    PACKET_RATE,
    SEND_RATE,
    USER_CHATROOMS,
    CHATROOM_MEMBERS,
    REACTOR_DELAY,
    MEMORY,
)
FIXED = (HANDSHAKE, LOGIN, CONTENT, PACKET)
ALL = (*SWITCHED, *FIXED)


class Limits:
    """Bounds by the names of their options, 0 or no entry for none; ``hits`` counts by these names."""

    def __init__(self, bounds: Mapping[str, int] | None = None, enforced: bool = True) -> None:
        """Unless *enforced*, what is above a bound of `SWITCHED` is counted and nothing else."""
        self._bounds = bounds or {}
        self.enforced = enforced
        self.hits: Counter[str] = Counter()

    def __getitem__(self, name: str) -> int:
        return self._bounds.get(name, 0)

    def reached(self, name: str, count: int) -> bool:
        """Say whether there are so many already that one more is to be refused, which is counted."""
        return 0 < self._bounds.get(name, 0) <= count and self.hit(name)

    def hit(self, name: str) -> bool:
        """Count that somebody came up against a limit; say whether to refuse them for it."""
        self.hits[name] += 1
        return self.enforced
