"""What clients did and saw, which the checks judge. It knows docs/protocol.md, and nothing of gim."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

CHATROOM, PRIVATE = 1, 2
HTTP = "http"
CLOCK = "clock"  # in the outages: some clock was wrong
NORMAL, RECALLED = 1, 2  # the status of a message
NO_MESSAGE = "0" * 32  # older than all messages
LOGIN, LOGOUT, HEARTBEAT, SEND, HISTORY, SESSIONS, MARK_READ, RECALL, JOIN, LEAVE = (
    *(101, 103, 105),
    *(201, 203, 205, 209, 211),
    *(301, 303),
)
PUSH, EVENT = 207, 213


def private_session(one: str, other: str) -> str:
    """Return the id of the session of two users."""
    return ":".join(("2", *sorted((one, other))))


def chatroom_session(room: str) -> str:
    return f"1:{room}"


@dataclass
class Letter:
    """One message that a device wants stored: its content is like no other, and so is its request_id."""

    content: str
    request_id: str
    device: str
    sender: str
    kind: int
    target: str
    begun_at: float  # seconds, as all times here: of the harness' own monotonic clock
    acked_at: float = float("inf")  # when its first reply came
    ways: set[str] = field(default_factory=set)  # `HTTP`, or keys of visits: how it was sent
    answers: list[dict[str, Any]] = field(default_factory=list)  # data of each success, in their order

    @property
    def session_id(self) -> str:
        if self.kind == CHATROOM:
            return chatroom_session(self.target)
        return private_session(self.sender, self.target)

    @property
    def body(self) -> dict[str, Any]:
        """Return the body of op 201."""
        words = {"type": self.kind, "target_id": self.target, "content": self.content}
        return words | {"request_id": self.request_id}


@dataclass
class Asked:
    """One request, over a WebSocket or HTTP, and how it ended."""

    who: str
    what: str
    path: tuple[str, ...]  # what lies between the client and the node, the node included
    asked_at: float
    ended_at: float | None = None  # when the reply came or the connection was closed
    code: int | None = None  # None without a reply
    note: str = ""  # of the error


@dataclass(frozen=True)
class Item:
    """A message of a push or of the history."""

    id: str
    session_id: str
    sender: str
    content: str
    sequence: int
    created_at: int
    status: int = NORMAL

    @classmethod
    def of(cls, message: dict[str, Any]) -> Item:
        plain = {name: message[name] for name in cls.__dataclass_fields__ if name != "sender"}
        return cls(sender=message["sender"]["id"], **plain)


@dataclass
class Push:
    """One push: its items in their order."""

    at: float
    session_id: str
    items: list[Item]
    skipped: int


@dataclass
class Visit:
    """A login of a device, up to its logout or the end of its connection."""

    device: str
    user: str
    node: str
    asked_at: float
    since: str = ""
    answered_at: float | None = None
    ended_at: float | None = None
    epoch: str = ""
    missed: int = 0
    recovered: bool = True
    pushes: list[Push] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)  # of the replies, in the order of their coming
    left: list[tuple[str, float, float]] = field(default_factory=list)  # chatrooms: from when to when

    @property
    def key(self) -> str:
        return f"{self.device} {self.asked_at}"

    def private(self) -> list[tuple[Push, Item]]:
        """Return the private messages that were pushed, in their order, with the push of each."""
        return [(push, item) for push in self.pushes for item in push.items if item.session_id[0] == "2"]


@dataclass
class Note:
    """A line of the story that a report tells."""

    at: float
    who: str
    session_id: str
    text: str


class Journal:
    """All that the clients of one setup did and saw."""

    def __init__(self) -> None:
        self.letters: dict[str, Letter] = {}  # by content
        self.by_id: dict[str, Letter] = {}  # those that were acknowledged
        self.asked: list[Asked] = []
        self.visits: list[Visit] = []
        self.notes: list[Note] = []
        self.faults: Counter[str] = Counter()  # injected, by kind
        self.outages: dict[str, list[tuple[float, float]]] = {}  # by what was out: from when to when
        self.loaded: dict[str, set[str]] = {}  # by device: ids that it read in the history
        self.recalled: dict[str, bool] = {}  # ids; whether for sure
        self.read: dict[
            tuple[str, str], dict[str, bool]
        ] = {}  # by user and session: ids; whether for sure

    def note(self, at: float, who: str, session_id: str, text: str) -> None:
        self.notes.append(Note(at, who, session_id, text))

    def out(self, what: str, began: float, ended: float) -> None:
        """Take down that *what* of a path could not carry anything for a time."""
        self.outages.setdefault(what, []).append((began, ended))

    def acknowledged(self) -> list[Letter]:
        return [letter for letter in self.letters.values() if letter.answers]

    def letter_of(self, item: Item) -> Letter | None:
        """Return what was sent as a message; one that was recalled has no content to find it by."""
        if item.status == NORMAL:
            return self.letters.get(item.content)
        return self.by_id.get(item.id)

    def acknowledge(self, letter: Letter, answer: dict[str, Any], at: float) -> None:
        """Take down the data of a successful reply to a send."""
        letter.acked_at = min(letter.acked_at, at)
        letter.answers.append(answer)
        self.by_id[answer["id"]] = letter

    def visits_of(self, device: str) -> list[Visit]:
        return [visit for visit in self.visits if visit.device == device]
