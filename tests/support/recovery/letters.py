"""Messages that are to be stored once each, and an account of what became of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred, succeed

CHATROOM, PRIVATE = 1, 2


@dataclass
class Letter:
    """One message: no other has its request_id, with which its content begins."""

    request_id: str
    content: str
    sender: str
    kind: int
    target: str
    answers: set[tuple[str, int]] = field(default_factory=set)  # id and sequence of each success
    tries: int = 0  # how often it was sent

    @property
    def session_id(self) -> str:
        if self.kind == CHATROOM:
            return f"1:{self.target}"
        return ":".join(("2", *sorted((self.sender, self.target))))

    @property
    def body(self) -> dict[str, Any]:
        """The body of a send."""
        words = {"type": self.kind, "target_id": self.target, "content": self.content}
        return words | {"request_id": self.request_id}


class Account:
    """How many messages are acknowledged, and what the server did that it must not do."""

    def __init__(self) -> None:
        self.count = 0
        self.faults: list[str] = []
        self._wanted = 0
        self._reached: Deferred[None] = succeed(None)

    def reaches(self, count: int) -> Deferred[None]:
        """Fire when so many messages are acknowledged; fail at the first fault."""
        self._wanted, self._reached = count, Deferred()
        return self._reached

    def acknowledge(self) -> None:
        self.count += 1
        if self.count >= self._wanted and not self._reached.called:
            self._reached.callback(None)

    def blame(self, fault: str) -> None:
        self.faults.append(fault)
        if not self._reached.called:
            self._reached.errback(AssertionError(fault))


Histories = Mapping[str, list[dict[str, Any]]]  # messages by session, the oldest first


def faults_of_histories(letters: Iterable[Letter], histories: Histories) -> Iterator[str]:
    """Say what is lost, doubled, altered or out of order; *letters* are all, in the order of sending."""
    stored = {item["content"]: item for items in histories.values() for item in items}
    times = Counter(item["content"] for items in histories.values() for item in items)
    yield from (f"{content!r} is stored {count} times" for content, count in times.items() if count > 1)
    for session_id, items in histories.items():
        yield from _faults_of_order(session_id, items)
    newest: dict[tuple[str, str], str] = defaultdict(str)
    for letter in letters:
        item = stored.pop(letter.content, None)
        if item is None:
            yield f"{letter} is not stored"
            continue
        if letter.answers != {(item["id"], item["sequence"])}:
            yield f"{letter} is stored as {item}"
        if item["id"] <= newest[letter.sender, letter.session_id]:
            yield f"{letter} is stored before an earlier one of its sender: {item}"
        newest[letter.sender, letter.session_id] = item["id"]
    yield from (f"{item} was never sent" for item in stored.values())


def _faults_of_order(session_id: str, items: list[dict[str, Any]]) -> Iterator[str]:
    ids = [item["id"] for item in items]
    if ids != sorted(set(ids)):
        yield f"the history of {session_id} is not in the order of the ids"
    if [item["sequence"] for item in items] != list(range(1, len(items) + 1)):
        yield f"the sequences of {session_id} have a hole"


def faults_of_pushes(user_id: str, pushed: Mapping[str, Any], histories: Histories) -> Iterator[str]:
    """Say what a user did not get, and what was pushed but is not stored so; *pushed* is by id."""
    stored = {item["id"]: item for items in histories.values() for item in items}
    for message_id, item in pushed.items():
        kept = stored.get(message_id)
        if kept is None or (kept["content"], kept["sequence"]) != (item["content"], item["sequence"]):
            yield f"{item} was pushed to {user_id}, but the history has {kept}"
    for session_id, items in histories.items():
        if session_id[0] == "2" and user_id in session_id.split(":")[1:]:
            for item in items:
                if item["sender"]["id"] != user_id and item["id"] not in pushed:
                    yield f"{item} was not pushed to {user_id}"
