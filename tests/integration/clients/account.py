"""What programs reported and what the servers kept, in the form in which it is judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.integration.clients.programs.job import ClientJob, Target

Report = Mapping[str, Any]


class Violation(NamedTuple):
    """Something that must not be."""

    kind: str
    text: str


class Epoch(NamedTuple):
    """The life of a data set in Unix seconds; one that lives on has no end."""

    begin: float
    end: float | None = None

    @property
    def lives(self) -> bool:
        return self.end is None

    def holds(self, at: float) -> bool:
        return self.begin <= at and (self.end is None or at < self.end)


ONE_EPOCH = (Epoch(0.0),)


class Stored(NamedTuple):
    """A message as the history has it."""

    id: str
    sender: str
    content: str


@dataclass
class Send:
    """A send: what was called, and what the library told about it."""

    user: str
    number: int
    session: str
    content: str
    called_at: float
    request_id: str = ""
    ends: list[Report] = field(default_factory=list)

    @property
    def how(self) -> str:
        """``sent``, ``failed`` or ``uncertain``; ``open`` without an end."""
        return str(self.ends[0]["how"]) if self.ends else "open"

    @property
    def id(self) -> str:
        """The id of the message that was reported as sent."""
        return str(self.ends[0]["id"]) if self.how == "sent" else ""

    def __str__(self) -> str:
        return f"{self.content!r} to {self.session}"


def time_of(id: str) -> float:
    """Return when a message was stored, in Unix seconds."""
    return int(id[:12], 16) / 1000


def session_of(user: str, target: Target) -> str:
    """Return the session of a message."""
    if isinstance(target, dict):
        return f"1:{target['chatroom']}"
    return ":".join(["2", *sorted((user, target))])


def members_of(session: str) -> list[str]:
    """Return the two users of a private session."""
    return session.split(":")[1:]


class Account:
    """All that is known at the end of a run."""

    def __init__(
        self,
        jobs: Iterable[ClientJob],
        reports: Iterable[Report],
        stored: Mapping[str, list[Stored]],
        epochs: tuple[Epoch, ...] = ONE_EPOCH,
    ) -> None:
        """*stored* has the whole history of each session of the epoch that lives, oldest first."""
        self.jobs = {job.user: job for job in jobs}
        self.stored = stored
        self.epochs = epochs
        self.sends: dict[tuple[str, int], Send] = {}
        self.surplus: list[Report] = []  # ends of sends that were never called
        # events by request_id: the kind and the id
        self.told: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.logins: dict[str, list[float]] = defaultdict(list)  # times by user
        self.joins: dict[tuple[str, str], list[float]] = defaultdict(list)  # by user and session
        self.received: dict[tuple[str, str], list[Report]] = defaultdict(
            list
        )  # messages and gaps, likewise
        for report in reports:
            self._take(report)
        self.by_content = {(send.session, send.content): send for send in self.sends.values()}
        self._known: dict[tuple[str, Epoch], list[Stored]] = defaultdict(list)
        self._index()

    def _take(self, report: Report) -> None:
        user, kind = report["user"], report["is"]
        if kind == "call":
            session = session_of(user, report["to"])
            key, words = (user, report["number"]), (report["content"], report["at"])
            self.sends[key] = Send(*key, session, *words, report["request_id"])
        elif kind == "end":
            send = self.sends.get((user, report["number"]))
            (send.ends if send else self.surplus).append(report)
        elif kind in ("sent", "failed"):
            self.told[report["request_id"]].append((kind, report.get("id", "")))
        elif kind == "state" and report["now"] == "online":
            self.logins[user].append(report["at"])
        elif kind == "joined":
            self.joins[user, f"1:{report['room']}"].append(report["at"])
        elif kind in ("message", "gap"):
            self.received[user, report["session_id"]].append(report)

    def _index(self) -> None:
        """Find out what is known to have been stored in each epoch."""
        for send in self.sends.values():
            if send.id and not (epoch := self.epoch_of(send.id)).lives:
                self._known[send.session, epoch].append(Stored(send.id, send.user, send.content))
        for items in self._known.values():
            items.sort()
        for session, stored in self.stored.items():
            self._known[session, self.epochs[-1]] = stored

    def epoch_of(self, id: str) -> Epoch:
        """Return the epoch in which a message was stored."""
        at = time_of(id)
        return next(epoch for epoch in reversed(self.epochs) if epoch.begin <= at or epoch.begin == 0)

    def died_between(self, begin: float, end: float) -> bool:
        """Say whether a data set was lost within this time."""
        return any(epoch.end is not None and begin <= epoch.end <= end for epoch in self.epochs)

    def receivers(self, session: str) -> list[str]:
        """Return the users who get the messages of a session."""
        if session.startswith("1:"):
            return [job.user for job in self.jobs.values() if session[2:] in job.rooms]
        return members_of(session)

    def known(self, session: str, epoch: Epoch) -> list[Stored]:
        """Return the messages of an epoch that are known to have been stored, in the order of their ids.

        Of an epoch that is over these are the messages that were reported as sent.
        """
        return self._known.get((session, epoch), [])

    def sessions(self) -> Iterator[str]:
        """Yield the sessions that messages were sent to."""
        yield from sorted({send.session for send in self.sends.values()})
