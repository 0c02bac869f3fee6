"""What must hold of a `Journal` and of what was found at the end, by docs/protocol.md."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from tests.integration.chaos.chatroom_checks import check_chatrooms, check_left
from tests.integration.chaos.journal import HTTP, NORMAL, RECALLED, Item, Journal, Letter, Push, Visit
from tests.integration.chaos.judgement import Found, Violation
from tests.integration.chaos.request_checks import check_replies, check_requests

CATCH_UP_LIMIT = 1000  # messages of a login at most


def check_all(journal: Journal, found: Found) -> list[Violation]:
    """Return all that is wrong."""
    return [
        *check_stored(journal, found),
        *check_answers(journal.letters.values()),
        *check_sequences(found),
        *check_requests(journal.asked, journal.outages),
        *check_replies(journal.visits),
        *check_epochs(journal.visits),
        *check_delivery(journal, found),
        *check_private_order(journal, found),
        *check_catching_up(journal, found),
        *check_chatrooms(journal, found),
        *check_left(journal.visits),
    ]


# what is stored


def check_stored(journal: Journal, found: Found) -> Iterator[Violation]:
    """All that was acknowledged, unchanged, in the order of its ids, and each letter once."""
    stored = {item.id: item for items in found.histories.values() for item in items}
    for session_id, items in found.histories.items():
        ids = [item.id for item in items]
        if ids != sorted(set(ids)):
            yield Violation("out of order", f"the history of {session_id}", session_id=session_id)
    times = Counter(item.content for item in stored.values() if item.status == NORMAL)
    for item in stored.values():
        if item.status != NORMAL and item.id not in journal.recalled:
            yield Violation(
                "altered", f"recalled, but no recall was sent: {item}", session_id=item.session_id
            )
        elif item.status == NORMAL and item.content not in journal.letters:
            yield Violation("altered", f"stored, but not sent: {item}", session_id=item.session_id)
    for content, count in times.items():
        if count > 1 and content in journal.letters:
            yield _of("doubled", journal.letters[content], f"stored {count} times")
    for letter in journal.acknowledged():
        yield from _check_kept(letter, stored, journal.recalled)


def _check_kept(
    letter: Letter, stored: dict[str, Item], recalled: dict[str, bool]
) -> Iterator[Violation]:
    answer = letter.answers[0]
    item = stored.get(answer["id"])
    if item is None:
        yield _of("lost", letter, "acknowledged, but not in the history")
        return
    if recalled.get(item.id) and item.status != RECALLED:
        yield _of("lost", letter, "its recall was acknowledged, but it is not recalled")
    content = letter.content if item.status == NORMAL else ""
    expected = (content, letter.sender, letter.session_id, answer["sequence"], answer["created_at"])
    if (item.content, item.sender, item.session_id, item.sequence, item.created_at) != expected:
        yield _of("altered", letter, f"acknowledged as {answer}, stored as {item}")


def check_answers(letters: Iterable[Letter]) -> Iterator[Violation]:
    """One request_id has one answer, however often it was sent, and in the end it has one."""
    for letter in letters:
        if len({answer["id"] for answer in letter.answers}) > 1:
            yield _of("doubled", letter, f"one request_id, several answers: {letter.answers}")
        if not letter.answers:
            yield _of("not acknowledged", letter, "repeated until the end, never acknowledged")


def check_sequences(found: Found) -> Iterator[Violation]:
    """1, 2, 3 … in each session, or 0 without --enable-message-sequence."""
    for session_id, items in found.histories.items():
        numbers = [item.sequence for item in items]
        expected = list(range(1, len(items) + 1)) if found.sequences else [0] * len(items)
        if numbers != expected:
            at = next(n for n, pair in enumerate(zip(numbers, expected, strict=True)) if len({*pair}) > 1)
            text = f"{session_id}: number {at + 1} in the history has the sequence {numbers[at]}"
            yield Violation("sequence", text, session_id=session_id, mentions=items[at].id)


# private messages


def check_epochs(visits: Iterable[Visit]) -> Iterator[Violation]:
    """No data was lost, so the epoch stays."""
    epochs = {visit.epoch for visit in visits if visit.answered_at is not None}
    if len(epochs) > 1:
        yield Violation("epoch", f"there were {len(epochs)} of them: {sorted(epochs)}")


def check_delivery(journal: Journal, found: Found) -> Iterator[Violation]:
    """A device that came back has each private message of its user: pushed, sent, or loaded."""
    wanted: dict[str, list[Item]] = defaultdict(list)
    for session_id, items in found.histories.items():
        if session_id[0] == "2":
            for user in session_id.split(":")[1:]:
                wanted[user] += items
    for device, user in found.devices.items():
        visits = journal.visits_of(device)
        has = {item.id for visit in visits for _, item in visit.private()}
        has |= journal.loaded.get(device, set()) | _sent_from(device, journal)
        for item in wanted[user]:
            if item.id not in has:
                yield Violation(
                    "lost",
                    f"{item.content[:60]!r}, {item.id}, was not delivered to {device}",
                    device,
                    item.session_id,
                    item.id,
                )


def _sent_from(device: str, journal: Journal) -> set[str]:
    """Return the ids of messages that need not be pushed to the device: those it sent, but for HTTP."""
    sent = [one for one in journal.acknowledged() if one.device == device and one.ways != {HTTP}]
    return {letter.answers[0]["id"] for letter in sent}


def check_private_order(journal: Journal, found: Found) -> Iterator[Violation]:
    """What is new to a device is newer than what it has of that session; nothing is pushed twice."""
    for device in {visit.device for visit in journal.visits}:
        newest: dict[str, str] = {}
        had = {one.answers[0]["id"] for one in journal.acknowledged() if one.device == device}
        for visit in journal.visits_of(device):
            yield from _check_repeats(visit, journal)
            for push, item in visit.private():
                if item.id not in had and item.id < newest.get(item.session_id, ""):
                    text = f"pushed after {newest[item.session_id]}"
                    yield _to("out of order", visit, push, item, text)
                if item.id not in had:
                    newest[item.session_id] = max(item.id, newest.get(item.session_id, ""))
                had.add(item.id)


def _check_repeats(visit: Visit, journal: Journal) -> Iterator[Violation]:
    """Nothing comes twice on one connection, nor to the one that sent it."""
    here: set[str] = set()
    for push, item in visit.private():
        if item.id in here:
            yield _to("doubled", visit, push, item, "pushed twice on one connection")
        letter = journal.letter_of(item)
        if letter and letter.ways == {visit.key}:
            yield _to("doubled", visit, push, item, "pushed to the connection that sent it")
        here.add(item.id)


def check_catching_up(journal: Journal, found: Found) -> Iterator[Violation]:
    """What was missed comes first, oldest first; it is all there unless a login says that it is not."""
    for visit in journal.visits:
        first = [item.id for _, item in visit.private()[: visit.missed]]
        if first != sorted(first):
            yield Violation("out of order", f"{visit.device} caught up with {first}", visit.device)
        if visit.ended_at is None and len(first) < visit.missed:
            text = f"{visit.device}: {visit.missed} missed, {len(first)} pushed"
            yield Violation("lost", text, visit.device)
        if not visit.recovered and visit.missed < CATCH_UP_LIMIT:
            text = f"{visit.device}: false, though {visit.missed} missed messages are all"
            yield Violation("recovered", text, visit.device, mentions=visit.since)


def _of(kind: str, letter: Letter, text: str) -> Violation:
    whole = f"{letter.content[:60]!r} in {letter.session_id}: {text}"
    return Violation(kind, whole, letter.sender, letter.session_id, letter.content)


def _to(kind: str, visit: Visit, push: Push, item: Item, text: str) -> Violation:
    whole = f"{item.content[:60]!r}, {item.id}, to {visit.device}: {text}"
    return Violation(kind, whole, visit.device, item.session_id, item.id, push.at)
