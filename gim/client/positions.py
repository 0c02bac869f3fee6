"""What a device has got so far: clients/BEHAVIOUR.md, R1 to R6 and G3.

Message ids are 32 hexadecimal digits and rise within a session, so they are compared as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

EVERYTHING = "0" * 32  # below all ids
KNOWN_SENT = 1000  # ids of sent messages; a login pushes at most so many missed ones
KNOWN_PRIVATE = 1000  # private sessions whose newest id is kept
_MARGIN_MS = 60_000  # how far the clocks of a node and its storage may differ


def time_mark(server_time_ms: int) -> str:
    """Return an id that is below those of all messages that are stored from now on."""
    return f"{max(0, int(server_time_ms) - _MARGIN_MS):012x}" + "0" * 20


def is_chatroom(session_id: str) -> bool:
    """Say whether a session is that of a chatroom."""
    return session_id.startswith("1:")


class Positions:
    """The newest ids by session, ``since``, ``epoch``, and the ids that this device sent."""

    def __init__(self) -> None:
        self.since = ""  # "" as long as there is none
        self.epoch: str | None = None
        self.private: dict[str, str] = {}  # by session, the one that moved last at the end
        self.rooms: dict[str, str] = {}
        self.listed: dict[str, str] = {}  # what the list of sessions said, during this connection
        self._sent: dict[str, None] = {}  # ids in the order of their replies
        self._data_lost = False  # the server said so when it closed the connection

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self.since, self.epoch = state["since"], state["epoch"]
        self._sent = dict.fromkeys(state["sent"])
        for session, newest in state["newest"].items():
            (self.rooms if is_chatroom(session) else self.private)[session] = newest

    def state(self) -> dict[str, Any]:
        """Return what `load` takes."""
        rooms = {**self.rooms}
        for session, listed in self.listed.items():
            rooms[session] = max(listed, rooms.get(session, ""))
        newest = {**self.private, **rooms}
        return {"since": self.since, "epoch": self.epoch, "newest": newest, "sent": list(self._sent)}

    def logged_in(
        self, epoch: str, recovered: bool, server_time_ms: int, missed: int
    ) -> Literal["start", "epoch", "missed"] | None:
        """Take the reply to a login; return the reason for a reset, if there is one."""
        reason: Literal["start", "epoch", "missed"] | None = None
        if self._data_lost or (self.epoch is not None and self.epoch != epoch):
            self.forget()
            reason = "epoch"
        elif self.epoch is None:
            reason = "start"
        elif not recovered:
            reason = "missed"
        self._data_lost = False
        self.epoch = epoch
        if not self.since:
            self.since = EVERYTHING if missed else time_mark(server_time_ms)
        return reason

    def forget(self) -> None:
        """Forget what belongs to a data set that is gone."""
        self.since = ""
        for each in (self.private, self.rooms, self.listed, self._sent):
            each.clear()

    def lose_data(self) -> None:
        """The server serves another data set from now on."""
        self.forget()
        self.epoch = None
        self._data_lost = True

    def disconnected(self) -> None:
        """Merge what the list of sessions said: what was stored before it is not pushed any more."""
        for session, listed in self.listed.items():
            self.rooms[session] = max(listed, self.rooms.get(session, ""))
        self.listed.clear()

    def take_private(self, session: str, id: str) -> tuple[bool, str | None]:
        """Move on to a private message. Return whether it is new, and the id before it in its session."""
        self.since = max(self.since, id)
        previous = self.private.get(session)
        if previous is not None and id <= previous:
            return False, previous
        self.private.pop(session, None)
        self.private[session] = id
        if len(self.private) > KNOWN_PRIVATE:
            del self.private[next(iter(self.private))]
        return id not in self._sent, previous

    def take_room(self, session: str, id: str) -> tuple[bool, str | None]:
        """Move on to a message of a chatroom; returns the same as `take_private`."""
        previous = self.rooms.get(session)
        if previous is not None and id <= previous:
            return False, previous
        self.rooms[session] = id
        return True, previous

    def sent(self, id: str) -> None:
        """Remember a message that this device sent."""
        self._sent[id] = None
        if len(self._sent) > KNOWN_SENT:
            del self._sent[next(iter(self._sent))]

    def joined(self, session: str, server_time_ms: int) -> None:
        """Begin a chatroom that the user joined just now."""
        if session not in self.rooms and session not in self.listed:
            self.listed[session] = time_mark(server_time_ms)

    def left(self, session: str) -> None:
        """Forget a chatroom."""
        self.rooms.pop(session, None)
        self.listed.pop(session, None)

    def keep_rooms(self, sessions: Iterable[str]) -> None:
        """Forget all chatrooms but these and the ones joined meanwhile."""
        for session in set(self.rooms).difference(sessions, self.listed):
            del self.rooms[session]
