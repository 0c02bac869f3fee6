"""What must hold of requests: they are answered in time, in their order, and not refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.integration.chaos.journal import CLOCK, RECALL, Asked, Visit
from tests.integration.chaos.judgement import Violation

ANSWER_LIMIT = 15.0  # seconds until any reply; gim promises some 2, on a machine with nothing else to do
RECALL_LIMIT = 120.0  # seconds after sending
CODES = {0, 503, 429}  # of replies to requests that are right


def check_requests(
    asked: Iterable[Asked], outages: dict[str, list[tuple[float, float]]]
) -> Iterator[Violation]:
    """Each is answered, or its connection closed, in time; and no right request is refused."""
    for one in asked:
        if one.ended_at is None:
            yield Violation("hung", f"{one.what}: neither answered nor closed", one.who)
            continue
        took = one.ended_at - one.asked_at - excused(one, outages)
        if took > ANSWER_LIMIT:
            yield Violation("hung", f"{one.what}: {took:.1f} s at {one.asked_at:.1f}", one.who)
        if one.code is not None and one.code not in CODES and not _is_too_old(one, outages):
            yield Violation("refused", f"{one.what}: {one.code}, {one.note}", one.who)


def _is_too_old(one: Asked, outages: dict[str, list[tuple[float, float]]]) -> bool:
    """Say if a recall was refused because the clock was set: a message seems older than it is then."""
    spans = outages.get(CLOCK, ())
    is_set = any(began < one.asked_at < ended + RECALL_LIMIT for began, ended in spans)
    return (one.what, one.code) == (f"op {RECALL}", 403) and is_set


def excused(one: Asked, outages: dict[str, list[tuple[float, float]]]) -> float:
    """Return the seconds of a request in which something on its path was out."""
    spans = sorted(span for part in one.path for span in outages.get(part, ()))
    end, total = one.asked_at, 0.0
    until = one.ended_at if one.ended_at is not None else float("inf")
    for began, ended in spans:
        began, ended = max(began, end), min(ended, until)
        if ended > began:
            total += ended - began
            end = ended
    return total


def check_replies(visits: Iterable[Visit]) -> Iterator[Violation]:
    """Replies come in the order of the requests."""
    for visit in visits:
        if visit.seqs != sorted(visit.seqs):
            yield Violation("out of order", f"replies to {visit.device}: {visit.seqs}", visit.device)
