"""The job of a program, and its reports, for the programs in Python."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from gim.client import Chatroom, FileStore
from gim.client.events import Error, Event, Failed, Gap, Message, Reset, Sent, State
from gim.client.outcome import GimError
from gim.client.settings import Fill

JOIN_PAUSE = 0.2  # seconds until a join that failed is repeated
Target = str | dict[str, str]


@dataclass(frozen=True)
class ClientJob:
    """What one client does."""

    user: str
    url: str
    after: float = 0.0  # seconds
    rooms: tuple[str, ...] = ()
    to: tuple[Target, ...] = ()
    sends: int = 0
    pause: float = 0.0  # seconds
    window: int = 50
    fill: Fill = "all"
    store: str | None = None

    def file_store(self) -> FileStore | None:
        return FileStore(self.store) if self.store else None

    def target(self, number: int) -> Target:
        """Return where send *number* goes."""
        return self.to[number % len(self.to)]

    def content(self, number: int) -> str:
        return f"{self.user} {number}"


def receiver(target: Target) -> str | Chatroom:
    """Return a target as the library takes it."""
    return target if isinstance(target, str) else Chatroom(target["chatroom"])


def read_job(line: str) -> list[ClientJob]:
    """Read the first line of the standard input."""
    return [ClientJob(**each) for each in json.loads(line)["clients"]]


def write_job(jobs: list[ClientJob]) -> str:
    """Return what `read_job` reads."""
    return json.dumps({"clients": [asdict(each) for each in jobs]})


class Reports:
    """Writes what happens to one client to the standard output."""

    def __init__(self, user: str) -> None:
        self._user = user

    def write(self, kind: str, **fields: Any) -> None:
        line = json.dumps({"is": kind, "at": time.time(), "user": self._user, **fields})
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            os._exit(1)  # the process that wanted the reports is gone

    def event(self, event: Event) -> None:
        """Report an event, if it is of a kind that is reported."""
        match event:
            case Message():
                fields = {key: getattr(event, key) for key in ("id", "session_id", "content")}
                rest = {"sequence": event.sequence, "status": event.status}
                self.write("message", sender=event.sender.id, **fields, **rest)
            case Sent(request_id=request_id, id=id):
                self.write("sent", request_id=request_id, id=id)
            case Failed(request_id=request_id, code=code):
                self.write("failed", request_id=request_id, code=code)
            case State() | Reset() | Gap() | Error():
                self.write(event.kind, **asdict(event))

    def call(self, number: int, request_id: str, job: ClientJob) -> None:
        """Report a send that was called just now."""
        content = job.content(number)
        self.write("call", number=number, request_id=request_id, to=job.target(number), content=content)

    def end(self, number: int, request_id: str, result: Sent | GimError) -> None:
        """Report how a send ended."""
        words: dict[str, Any] = {"number": number, "request_id": request_id}
        if isinstance(result, Sent):
            place = {key: getattr(result, key) for key in ("id", "session_id", "sequence")}
            self.write("end", **words, how="sent", **place)
        else:
            how = "uncertain" if result.code == "uncertain" else "failed"
            self.write("end", **words, how=how, code=result.code, msg=result.msg)
