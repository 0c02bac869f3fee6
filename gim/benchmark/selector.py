"""A selector whose timeouts are exact to some microseconds: epoll alone waits in whole milliseconds."""

from __future__ import annotations

import select
from selectors import DefaultSelector, SelectorKey


class ExactSelector(DefaultSelector):
    """Waits with ``select()`` for the one file that stands for all others, that of epoll or kqueue."""

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Return what is ready, as `selectors.BaseSelector.select` does."""
        if timeout is None or timeout > 0:
            select.select([self.fileno()], [], [], timeout)
        return super().select(0)
