"""What is wrong in a process, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

from msgspec import Struct

from gim.inspection.readings import Readings
from gim.inspection.ring import Ring
from gim.inspection.samples import REFUSALS, Sample
from gim.limits.limits import MEMORY, OPEN_FILES, REACTOR_DELAY, SWITCHED

WINDOW: Final = 10  # samples of a second: what happens now and then is looked for in that many
WEBHOOK_PATIENCE: Final = 30.0  # seconds that an event may wait

Code = Literal[
    "overloaded",
    "not_ready",
    "storage_down",
    "slow_readers",
    "webhook_late",
    "limit",
    "open_files",
    "no_answer",
    "open_mode",
]


class Trouble(Struct, frozen=True):
    """Something that an operator should know. ``code`` and ``detail`` say it to programs, ``text`` to
    people; ``node`` is "" for what concerns all nodes."""

    code: Code
    node: str
    detail: dict[str, str | bool | float]
    text: str


def troubles_of(sample: Sample, node: str, readings: Readings, seconds: Ring) -> list[Trouble]:
    """Return what is wrong in a process with this newest *sample*, which is in *seconds* too."""
    return [Trouble(code, node, detail, text) for code, detail, text in _found(sample, readings, seconds)]


Found = tuple[Code, dict[str, Any], str]


def _found(sample: Sample, readings: Readings, seconds: Ring) -> Iterator[Found]:
    if cause := readings.overload.cause:
        yield _overload(cause, sample, readings.hits.is_enforced)
    if sample.storage_up is False:
        yield "storage_down", {}, "the storage does not answer"
    elif sample.ready is False and not cause:
        yield "not_ready", {}, "not ready for new clients: /readyz says why"
    if closed := round(sum(seconds.newest("slow_readers", WINDOW))):
        yield "slow_readers", {"count": closed}, f"closed {closed} slow readers in {WINDOW} s"
    if (age := sample.webhook_oldest_s or 0.0) > WEBHOOK_PATIENCE:
        yield "webhook_late", {"seconds": age}, f"an event has waited for the webhook for {age:.0f} s"
    yield from _limits(seconds, readings.hits.is_enforced)


def _overload(limit: str, sample: Sample, is_enforced: bool) -> Found:
    does = "refusing connections" if is_enforced else "connections would be refused"
    if limit == MEMORY:
        used = sample.rss or 0
        detail = {"limit": limit, "rss": used, "is_enforced": is_enforced}
        return "overloaded", detail, f"{does}: {used / 2**20:.0f} MiB of memory"
    delay = sample.reactor_delay_ms or 0.0
    detail = {"limit": limit, "reactor_delay_ms": delay, "is_enforced": is_enforced}
    return "overloaded", detail, f"{does}: reactor delay {delay / 1000:.1f} s"


def _limits(seconds: Ring, is_enforced: bool) -> Iterator[Found]:
    for name, limit in REFUSALS.items():
        times = round(sum(seconds.newest(name, WINDOW)))
        if not times:
            continue
        if limit == OPEN_FILES:
            yield "open_files", {"count": times}, f"too few open files, {times} times in {WINDOW} s"
        elif limit in SWITCHED and limit not in (REACTOR_DELAY, MEMORY):
            detail = {"limit": limit, "count": times, "is_enforced": is_enforced}
            does = "refused" if is_enforced else "would have refused"
            yield "limit", detail, f"--{limit} {does} {times} times in {WINDOW} s"
