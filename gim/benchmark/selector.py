"""A selector whose timeouts are exact to some microseconds: epoll alone waits in whole milliseconds."""

from __future__ import annotations

import select
from selectors import DefaultSelector, SelectorKey
from typing import Final

FD_SETSIZE: Final = 1024  # select() takes only file descriptors below this, see select(2)


class ExactSelector(DefaultSelector):
    """Waits with ``select()`` for the one file that stands for all others, that of epoll or kqueue.

    With a file descriptor that is too high for ``select()``, waits are in whole milliseconds.
    """

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Return what is ready, as `selectors.BaseSelector.select` does."""
        if self.fileno() >= FD_SETSIZE:
            return super().select(timeout)
        if timeout is None or timeout > 0:
            select.select([self.fileno()], [], [], timeout)
        return super().select(0)
