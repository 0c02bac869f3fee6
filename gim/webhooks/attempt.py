"""What the receiver says to an event."""

from __future__ import annotations

from msgspec import Struct

AT_A_TIME = 32  # events on their way to the receiver


class AttemptResult(Struct, frozen=True):
    """What became of an attempt: a status, 0 if none came, with words for the log; and the seconds of a
    Retry-After."""

    status: int
    words: str
    rest: float = 0.0

    @property
    def is_success(self) -> bool:
        """Say if the receiver has taken it."""
        return 200 <= self.status < 300

    @property
    def is_final(self) -> bool:
        """Say if another attempt would end in the same way: the request is wrong, not the moment."""
        return 300 <= self.status < 500 and self.status not in (408, 429)
