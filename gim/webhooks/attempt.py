"""The result of an attempt to deliver an event."""

from __future__ import annotations

from msgspec import Struct

MAX_CONCURRENT_ATTEMPTS = 32


class AttemptResult(Struct, frozen=True):
    """A status, 0 without a response; a reason for the log; the seconds of a Retry-After, 0 for none."""

    status: int
    reason: str
    retry_after: float = 0.0

    @property
    def is_success(self) -> bool:
        """Whether the receiver has accepted the event."""
        return 200 <= self.status < 300

    @property
    def is_final(self) -> bool:
        """Whether another attempt would fail in the same way: the request is wrong, not the moment."""
        return 300 <= self.status < 500 and self.status not in (408, 429)
