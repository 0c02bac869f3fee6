"""What must hold of the pushes of chatrooms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.integration.chaos.journal import Journal, Push, Visit
from tests.integration.chaos.judgement import Found, Violation

STALE = 5.0  # seconds; a message waits for one interval of a second, in a process that may be busy


def check_chatrooms(journal: Journal, found: Found) -> Iterator[Violation]:
    """The newest n at a time, in order, and `skipped` says exactly how many are left out."""
    for visit in journal.visits:
        by_session: dict[str, list[Push]] = defaultdict(list)
        for push in visit.pushes:
            by_session[push.session_id].append(push)
        for session_id, members in found.members.items():
            if visit.user in members:
                check = _ChatroomCheck(journal, found, visit, session_id)
                yield from check.run(by_session[session_id])


def check_left(visits: Iterable[Visit]) -> Iterator[Violation]:
    """After the reply to a leave, no push of that chatroom comes."""
    for visit in visits:
        for session_id, left_at, joined_at in visit.left:
            for push in visit.pushes:
                if push.session_id == session_id and left_at < push.at < joined_at:
                    text = (
                        f"{session_id} to {visit.device}: pushed {push.at - left_at:.3f} s after it left"
                    )
                    yield Violation("not left", text, visit.device, session_id)


class _ChatroomCheck:
    """The pushes of one chatroom to one visit."""

    def __init__(self, journal: Journal, found: Found, visit: Visit, session_id: str) -> None:
        self._journal, self._count = journal, found.push_count
        self._visit, self._session_id = visit, session_id
        self._history = found.histories.get(session_id, [])
        self._places = {item.id: place for place, item in enumerate(self._history)}
        self._next: int | None = None  # the place of the first message that the visit was not told of yet

    def run(self, pushes: list[Push]) -> Iterator[Violation]:
        for push in pushes:
            places = [self._places.get(item.id, -1) for item in push.items]
            yield from self._check_push(push, places)
            places = sorted(place for place in places if place >= 0)  # what is wrong is told once
            if places:
                check = self._check_first if self._next is None else self._check_gap
                yield from check(push, places)
                self._next = places[-1] + 1
            elif self._next is not None:  # to a slow reader
                self._next += push.skipped
        if self._visit.ended_at is None and self._history and self._next != len(self._history):
            yield self._wrong("lost", self._history[-1].id, "the newest message was not pushed")

    def _check_push(self, push: Push, places: list[int]) -> Iterator[Violation]:
        """One push has stored messages that follow each other, *n* of them if some are left out."""
        if -1 in places:
            item = push.items[places.index(-1)]
            yield self._wrong("altered", item.id, f"pushed, but not stored: {item}", push)
        elif places != sorted(places):
            yield self._wrong("out of order", push.items[0].id, f"a push of {places}", push)
        elif places and places[-1] - places[0] >= len(places):
            yield self._wrong("wrong skipped", push.items[0].id, f"a push with a hole: {places}", push)
        too_few = push.skipped and 0 < len(places) < self._count
        if self._count and (len(places) > self._count or too_few):
            text = f"{len(places)} items with skipped {push.skipped}"
            yield self._wrong("wrong skipped", push.items[0].id, text, push)

    def _check_gap(self, push: Push, places: list[int]) -> Iterator[Violation]:
        right = places[0] - (self._next or 0)
        if push.skipped != right:
            kind = "doubled" if right < 0 else "wrong skipped"
            yield self._wrong(kind, push.items[0].id, f"skipped {push.skipped}, right is {right}", push)

    def _check_first(self, push: Push, places: list[int]) -> Iterator[Violation]:
        """What was sent after the reply to the login is in the first push, or counted."""
        begin, since = places[0] - push.skipped, self._visit.answered_at
        if begin < 0:
            yield self._wrong(
                "wrong skipped", push.items[0].id, f"skipped {push.skipped} of {places[0]}", push
            )
        yield from self._check_stale(push)
        for item in self._history[: max(begin, 0)]:
            letter = self._journal.letter_of(item)
            if letter and since is not None and letter.begun_at > since:
                text = f"sent after the login, not in the first push, skipped {push.skipped}"
                yield self._wrong("wrong skipped", item.id, text, push)
                return

    def _check_stale(self, push: Push) -> Iterator[Violation]:
        """What was acknowledged long before the login is no news, unless the node stood still since."""
        letter = self._journal.letter_of(push.items[0])
        latest = self._visit.asked_at - STALE
        spans = self._journal.outages.get(self._visit.node, ())
        if letter and letter.acked_at < latest and all(end < letter.acked_at for _, end in spans):
            text = f"pushed {push.at - letter.acked_at:.1f} s after it was acknowledged, before the login"
            yield self._wrong("stale", push.items[0].id, text, push)

    def _wrong(self, kind: str, mentions: str, text: str, push: Push | None = None) -> Violation:
        whole = f"{self._session_id} to {self._visit.device}: {text}"
        at = push.at if push else None
        return Violation(kind, whole, self._visit.device, self._session_id, mentions, at)
