"""How many clients log in in each second after a restart, and whether they come evenly."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from tests.integration.clients.account import Report

BIN = 1.0  # seconds
PEAKS_ALLOWED = 1  # seconds with more logins than twice the mean


SLOT_CODE = 3001  # the close code of a server that tells each client when to come back
EARLY_SHARE = 0.9  # of the clients; the few others, whose attempts failed most often, come much later


class Window(NamedTuple):
    """The time in which so many clients are to come back."""

    seconds: float
    clients: int

    @property
    def limit(self) -> float:
        """Twice the mean of logins in one second."""
        return 2 * self.clients / max(self.seconds, BIN)


def window_of_slots(reports: Iterable[Report]) -> Window:
    """Return the window that the reasons of close code 3001 gave: from its first to its last slot."""
    times = [
        report["at"] + report["delay"]
        for report in reports
        if report["is"] == "state" and report["now"] == "waiting" and report["code"] == SLOT_CODE
    ]
    return Window(max(times) - min(times), len(times))


def window_of_delays(reports: Iterable[Report]) -> Window:
    """Return the window that the clients' own last delays gave: of the first nine of ten clients."""
    last: dict[str, float] = {}
    for report in reports:
        if report["is"] == "state" and report["now"] == "waiting":
            last[report["user"]] = report["at"] + report["delay"]
    times = sorted(last.values())
    early = times[: max(1, round(EARLY_SHARE * len(times)))]
    return Window(early[-1] - early[0], len(early))


def histogram(samples: list[tuple[float, float]], begin: float) -> list[float]:
    """Return the logins in each second from *begin* on.

    *samples* are times with the number of logins so far; between two of them it rises evenly.
    """
    end = samples[-1][0]
    edges = [begin + number * BIN for number in range(int((end - begin) / BIN) + 2)]
    totals = [_total_at(samples, edge) for edge in edges]
    return [after - before for before, after in pairwise(totals)]


def _total_at(samples: list[tuple[float, float]], at: float) -> float:
    after = bisect_right(samples, (at, float("inf")))
    if after == 0:
        return 0.0
    if after == len(samples):
        return samples[-1][1]
    (before_at, before), (after_at, total) = samples[after - 1], samples[after]
    return before + (total - before) * (at - before_at) / (after_at - before_at)


def peaks(counts: list[float], limit: float) -> list[float]:
    """Return the counts above a limit."""
    return [count for count in counts if count > limit]
