"""What the server uses meanwhile, from its metrics."""

from __future__ import annotations

from time import monotonic
from typing import NamedTuple

from gim.cli import metrics
from gim.cli.failures import Failure
from gim.cli.http import Server


class Reading(NamedTuple):
    """CPU seconds and bytes of memory of all processes of the server, at a monotonic moment."""

    at: float
    cpu_s: float
    rss_bytes: float


class ServerLoad(NamedTuple):
    """The cores that the server used between two readings, and its memory; None where it is not known."""

    cpu_share: float | None
    rss_bytes: float | None


class ServerProbe:
    """Reads ``/metrics``. Where that fails once, it is not tried again."""

    def __init__(self, server: Server | None) -> None:
        """Without a *server* nothing is read."""
        self._server = server

    def read(self) -> Reading | None:
        """Return what the server uses, None if it does not say."""
        if self._server is None:
            return None
        try:
            page = metrics.page(self._server)
        except Failure:
            page = None
        if page is None:
            self._server = None
            return None
        return Reading(
            monotonic(), page["process_cpu_seconds_total"], page["process_resident_memory_bytes"]
        )


def between(before: Reading | None, after: Reading | None) -> ServerLoad:
    """Return what the server used between two readings."""
    if before is None or after is None or after.at <= before.at:
        return ServerLoad(None, None)
    return ServerLoad((after.cpu_s - before.cpu_s) / (after.at - before.at), after.rss_bytes)
