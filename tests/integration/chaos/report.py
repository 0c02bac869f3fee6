"""What a run says: its figures, and for each violation the events before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tests.integration.chaos.journal import Journal, Note
from tests.integration.chaos.judgement import KINDS, Violation

SHOWN = 5  # violations of each kind
TEXT = 400  # characters of an event
EVENTS = 20  # before and at a violation


@dataclass
class Result:
    """One setup that was run."""

    setup: str
    journal: Journal
    violations: list[Violation]


def total(results: list[Result]) -> str:
    """Return the figures of all setups together, in one line."""
    counts = Counter(violation.kind for one in results for violation in one.violations)
    acknowledged = sum(len(one.journal.acknowledged()) for one in results)
    faults = sum(sum(one.journal.faults.values()) for one in results)
    kinds = ", ".join(f"{kind} {counts[kind]}" for kind in KINDS)
    return f"{acknowledged} messages acknowledged under {faults} faults: {kinds}"


def figures(result: Result) -> str:
    """Return the figures of one setup, in three lines."""
    journal = result.journal
    counts = Counter(violation.kind for violation in result.violations)
    faults = ", ".join(f"{kind} {count}" for kind, count in sorted(journal.faults.items()))
    return (
        f"{result.setup}: {len(journal.acknowledged())} messages acknowledged,"
        f" {len(journal.asked)} requests, {len(journal.visits)} logins\n"
        f"  {sum(journal.faults.values())} faults: {faults}\n"
        f"  {', '.join(f'{kind} {counts[kind]}' for kind in KINDS)}"
    )


def story(result: Result) -> Iterator[str]:
    """Return each violation with what happened to its session and user, the last events first cut off."""
    shown: Counter[str] = Counter()
    for violation in result.violations:
        shown[violation.kind] += 1
        if shown[violation.kind] <= SHOWN:
            yield f"{result.setup}: {violation.kind}: {violation.text}"
            yield from (
                f"    {note.at:.3f} {note.who}: {note.text[:TEXT]}"
                for note in events(result.journal, violation)
            )


def events(journal: Journal, violation: Violation) -> list[Note]:
    """Return the last events that concern a violation, up to the time when it was seen."""
    until = violation.at if violation.at is not None else float("inf")
    return [note for note in journal.notes if note.at <= until and _concerns(note, violation)][-EVENTS:]


def _concerns(note: Note, violation: Violation) -> bool:
    if note.who == "fault" or (violation.mentions and violation.mentions in note.text):
        return True
    is_near = not violation.who or note.who.startswith(violation.who)
    return is_near and note.session_id in ("", violation.session_id)
