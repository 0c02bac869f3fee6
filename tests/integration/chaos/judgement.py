"""What is wrong, and what is known at the end of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.integration.chaos.journal import Item

KINDS = (
    *("lost", "doubled", "hung", "out of order", "altered", "not acknowledged", "refused"),
    *("wrong skipped", "stale", "not left", "sequence", "unread", "sessions", "presence"),
    *("recovered", "epoch", "traceback", "left behind", "not ready"),
)


@dataclass(frozen=True)
class Violation:
    """Something that must not be: *who* and *session_id* choose the events that are shown with it."""

    kind: str  # of `KINDS`
    text: str
    who: str = ""
    session_id: str = ""
    mentions: str = ""  # the id or content that it is about
    at: float | None = None  # when it was seen


@dataclass
class Found:
    """What was read at the end, once all faults had been healed."""

    histories: dict[str, list[Item]]  # by session, oldest first
    devices: dict[str, str]  # user by device, of the devices that came back
    push_count: int = 10  # --message-push-count
    sequences: bool = False  # --enable-message-sequence
    members: dict[str, set[str]] = field(
        default_factory=dict
    )  # users by chatroom session: those who stay
