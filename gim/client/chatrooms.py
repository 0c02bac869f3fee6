"""Messages of chatrooms, and the gaps between them: clients/BEHAVIOUR.md, section G."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gim.client.events import Gap
from gim.client.ops import Op
from gim.client.outbox import BUSY_PAUSE
from gim.client.positions import Positions
from gim.client.settings import Settings
from gim.client.timers import Timers

LIST_PAGE = 200  # the largest that the server allows
HISTORY_PAGE = 100  # likewise
_TRY_AGAIN = (429, 503)

Item = Mapping[str, Any]  # a message as the server writes it
Answer = Callable[[int, Mapping[str, Any], float], None]  # takes the code, the data and the time


class Host(Protocol):
    """What the chatrooms need of the client."""

    def ask(self, op: Op, body: dict[str, Any], answer: Answer) -> None:
        """Write a request."""

    def deliver_room(self, session: str, title: str, items: list[Item]) -> None:
        """Deliver the messages that are new."""

    def report_gap(self, gap: Gap) -> None:
        """Tell the application that messages are missing."""


@dataclass(slots=True, eq=False)
class _Reading:
    """A gap that is read, or waits for its turn."""

    gap: Gap
    title: str
    end: str | None  # the id up to which the gap reaches, if nothing else tells
    items: list[Item] = field(default_factory=list)  # found so far, oldest first
    dropped: bool = False  # the user left the chatroom


class Chatrooms:
    """Takes the pushes of chatrooms, and hands on their messages in order."""

    def __init__(self, settings: Settings, timers: Timers, positions: Positions, host: Host) -> None:
        self._settings = settings
        self._timers = timers
        self._positions = positions
        self._host = host
        self._listing = False
        self._compare = False  # whether what the list says is compared with the positions
        self._listed: dict[str, Mapping[str, Any]] = {}  # the list so far
        self._waiting: dict[str, deque[Mapping[str, Any]]] = {}  # pushes by session
        self._readings: deque[_Reading] = deque()  # the first one is under way

    def logged_in(self, *, compare: bool) -> None:
        """List the chatrooms; *compare* them with what is known, unless nothing is."""
        self._listing, self._compare = True, compare
        self._start_list()

    def disconnected(self) -> None:
        """Forget what waits: the next login finds it again."""
        self._listing = False
        self._waiting.clear()
        self._readings.clear()
        self._timers.cancel("list", "fill")

    def take(self, push: Mapping[str, Any]) -> None:
        """Take a push of a chatroom."""
        session = push["session"]["id"]
        if session in self._waiting:
            self._waiting[session].append(push)
        elif self._listing:
            self._waiting[session] = deque([push])
        else:
            self._handle(push)

    def left(self, session: str) -> None:
        """Forget a chatroom."""
        self._positions.left(session)
        self._listed.pop(session, None)
        self._waiting.pop(session, None)
        for reading in self._readings:
            if reading.gap.session_id == session:
                reading.dropped = True

    # The list

    def _start_list(self, now: float = 0.0) -> None:
        self._listed = {}
        self._ask_list("")

    def _ask_list(self, cursor: str) -> None:
        body: dict[str, Any] = {"session_type": 1, "count": LIST_PAGE}
        if cursor:
            body["cursor"] = cursor
        self._host.ask(Op.SESSIONS, body, self._take_list)

    def _take_list(self, code: int, data: Mapping[str, Any], now: float) -> None:
        if code in _TRY_AGAIN:
            self._timers.set("list", now + self._busy(), self._start_list)
        elif code:
            self._end_list()
        else:
            self._listed.update({item["id"]: item for item in data["items"]})
            if data["cursor"]:
                self._ask_list(data["cursor"])
            else:
                self._compare_list()
                self._end_list()

    def _busy(self) -> float:
        return BUSY_PAUSE + self._settings.draw("busy")

    def _compare_list(self) -> None:
        for session, item in self._listed.items():
            if item["last"] is None or session in self._positions.listed:  # joined just now
                continue
            last, known = item["last"]["id"], self._positions.rooms.get(session)
            if self._compare and (known is None or last > known):
                before = self._first_waiting(session, known or "")
                # what follows `before` comes as pushes, which may not have got as far as `last` yet
                end = last if before is None else None
                self._find(Gap(session, known, before, None), item["title"], end)
            else:
                self._positions.listed[session] = last
        self._positions.keep_rooms(self._listed)

    def _first_waiting(self, session: str, newest: str) -> str | None:
        """Return the first id above *newest* among the pushes that wait."""
        waiting = self._waiting.get(session, ())
        return next(
            (item["id"] for push in waiting for item in push["items"] if item["id"] > newest), None
        )

    def _end_list(self) -> None:
        self._listing = False
        self._listed = {}
        reading = {each.gap.session_id for each in self._readings}
        for session in tuple(self._waiting):
            if session not in reading:
                self._release(session)

    # Pushes

    def _handle(self, push: Mapping[str, Any]) -> None:
        """Deliver a push, after the gap before it."""
        head, items, skipped = push["session"], push["items"], push.get("skipped", 0)
        if skipped:
            after = self._positions.rooms.get(head["id"])
            before = items[0]["id"] if items else None
            if before is None or after is None or before > after:
                self._find(Gap(head["id"], after, before, skipped), head["title"])
        if head["id"] in self._waiting:
            self._waiting[head["id"]].append({"session": head, "items": items})
        else:
            self._host.deliver_room(head["id"], head["title"], items)

    def _release(self, session: str) -> None:
        """Handle the pushes that wait, up to the next gap."""
        waiting = self._waiting.pop(session, deque())
        while waiting:
            self._handle(waiting.popleft())
            if session in self._waiting:
                self._waiting[session].extend(waiting)
                return

    # Gaps

    def _find(self, gap: Gap, title: str, end: str | None = None) -> None:
        fill = self._settings.fill
        if fill == "none" or (fill == "newest" and gap.after is None and gap.skipped is None):
            self._host.report_gap(gap)
            self._pass(gap, end)
            return
        self._waiting.setdefault(gap.session_id, deque())
        self._readings.append(_Reading(gap, title, end))
        if len(self._readings) == 1:
            self._read()

    def _pass(self, gap: Gap, end: str | None) -> None:
        """Begin after a gap from now on. If the connection ends before, the next login finds it again."""
        if end is not None:
            self._positions.listed[gap.session_id] = end

    def _read(self, now: float = 0.0) -> None:
        """Ask for the next page of the first gap."""
        reading = self._readings[0]
        gap = reading.gap
        limited = self._settings.fill == "newest" and gap.skipped is not None
        count = min(HISTORY_PAGE, gap.skipped or 0) if limited else HISTORY_PAGE
        body: dict[str, Any] = {"session_id": gap.session_id, "count": count}
        if gap.before is not None:
            body["message_id"] = gap.before
        self._host.ask(Op.HISTORY, body, lambda *answer: self._take_page(reading, *answer))

    def _take_page(self, reading: _Reading, code: int, data: Mapping[str, Any], now: float) -> None:
        if reading.dropped:
            self._finish(reading)
        elif code in _TRY_AGAIN:
            self._timers.set("fill", now + self._busy(), self._read)
        elif code:
            self._host.report_gap(reading.gap)
            self._finish(reading)
        else:
            self._take_items(reading, data["items"], data["has_more"])

    def _take_items(self, reading: _Reading, items: list[Item], has_more: bool) -> None:
        """Put a page before what was read, and shrink the gap by it."""
        gap = reading.gap
        new = [item for item in items if gap.after is None or item["id"] > gap.after]
        reading.items = new + reading.items
        before = new[0]["id"] if new else gap.before
        left = None if gap.skipped is None else gap.skipped - len(new)
        reading.gap = Gap(gap.session_id, gap.after, before, left)
        if len(new) < len(items) or not has_more or (left is not None and left <= 0):
            self._finish(reading)
        elif self._settings.fill == "all":
            self._read()
        else:
            self._host.report_gap(reading.gap)
            self._finish(reading)

    def _finish(self, reading: _Reading) -> None:
        """Deliver what was read, then what waited for it, and go on with the next gap."""
        session = reading.gap.session_id
        if not reading.dropped:
            self._host.deliver_room(session, reading.title, reading.items)
            self._pass(reading.gap, reading.end)
            others = (each for each in self._readings if each is not reading)
            if not any(each.gap.session_id == session for each in others):
                self._release(session)
        self._readings.popleft()  # only now, so that a gap that was found just now waits for its turn
        if self._readings:
            self._read()
