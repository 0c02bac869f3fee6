"""The clock of the client: Unix seconds that nothing sets."""

from __future__ import annotations

from time import monotonic, time


class SteadyClock:
    """The Unix time when it was made, and what a monotonic clock has counted since.

    So times can be compared after a restart, and no change of the system's clock moves a deadline.
    """

    def __init__(self) -> None:
        self._origin = time() - monotonic()

    def now(self) -> float:
        """Return the time in Unix seconds."""
        return self._origin + monotonic()
