"""Which requests have a line in the log, as `--log-requests` says."""

from __future__ import annotations

from collections import Counter

SAMPLE_SIZE = 100  # successful requests of a route, of which the first has a line


class AccessLines:
    """Chooses the requests that have a line: ``all``, ``off`` for none, or ``sampled``.

    If requests are sampled, all those that fail have a line, and of those that succeed one in
    `SAMPLE_SIZE` of each route.
    """

    def __init__(self, which: str) -> None:
        self._which = which
        self._successes: Counter[str] = Counter()  # by route

    def has(self, route: str, status: int) -> bool:
        """Say whether a request has a line, and count it; *route* is the name of its route."""
        if self._which == "all":
            return True
        if self._which == "off":
            return False
        if status >= 400:
            return True
        self._successes[route] += 1
        return self._successes[route] % SAMPLE_SIZE == 1
