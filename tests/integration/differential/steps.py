"""Steps that a client or the administrator takes, written so that they fit every run.

Texts of a step hold marks instead of what differs from run to run: ``~`` stands for the prefix of the
run's ids, ``<message:2>`` for the id of the third newest message, ``<message:2+1>`` for the id after
that, ``<session:2>`` for its session, ``<sessions>``, ``<members>`` and ``<epoch>`` for the cursors and
the epoch that the actor got last, ``<key>`` for the key of a connection that was listed.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import Struct, json

ADMINISTRATOR: Final = "admin"
READ_ONLY: Final = frozenset({105, 203, 205, 305})

Via = Literal["open", "close", "ask", "burst", "text", "http", "expire"]


class Step(Struct, frozen=True):
    """One step.

    *actor* is a device such as ``ann.0``; for ``http`` it is a user, `ADMINISTRATOR`, or "" for a client
    without a token. *body* is an object, a text to send as it is, or None; for ``burst``, requests that
    are sent without waiting for replies, as pairs of op and body. ``expire`` waits until all messages
    have expired.
    """

    via: Via
    actor: str
    op: int = 0
    method: str = ""
    path: str = ""
    body: Any = None
    node: int = 0  # which node or worker serves a request over HTTP, modulo how many there are

    @property
    def user(self) -> str:
        return self.actor.partition(".")[0]

    @property
    def changes_nothing(self) -> bool:
        """Say whether the step pushes nothing and ends no connection."""
        if self.via == "http":
            return self.method == "GET"
        return self.via == "ask" and self.op in READ_ONLY

    def requests(self) -> list[tuple[int, Any]]:
        """Return op and body of each request."""
        return [(op, body) for op, body in self.body] if self.via == "burst" else [(self.op, self.body)]

    def __str__(self) -> str:
        what = {"ask": f"op {self.op}", "http": f"{self.method} {self.path}"}.get(self.via, self.via)
        body = "" if self.body is None else " " + json.encode(self.body).decode()
        return f"{self.actor or 'anyone'}: {what}{body}"
