"""What the Redis store keeps, and for how long."""

from __future__ import annotations

from msgspec import Struct

from gim.storage.rules import REQUEST_IDS_PER_SENDER, USERS_OUTLIVE_MESSAGES
from gim.storage.storage_limits import MembershipLimits


class Retention(Struct, frozen=True):
    """What is kept, and for how long."""

    ttl_ms: int  # of a message
    max_session_messages: int
    sequences: bool
    rooms: MembershipLimits
    request_ids_per_sender: int = REQUEST_IDS_PER_SENDER  # answers remembered of one sender

    @property
    def users_ms(self) -> int:
        """How long a user to which nothing refers is kept: longer than any message."""
        return users_ms_of(self.ttl_ms)


def users_ms_of(ttl_ms: int) -> int:
    """Return how long users are kept where messages are kept for *ttl_ms*."""
    return ttl_ms + USERS_OUTLIVE_MESSAGES * 1000
