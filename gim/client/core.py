"""A client of gim without input and output: clients/BEHAVIOUR.md.

A shell owns the socket and the clock. It reports what happened, with the time, and then takes the
commands, the ends of requests, and the events. It calls `Core.tick` at `Core.deadline`. ``now`` is in
Unix seconds and never goes back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gim.client.chatrooms import Answer, Chatrooms, Item
from gim.client.commands import Save
from gim.client.connection import Connection
from gim.client.events import (
    Code,
    Dismissed,
    Error,
    Event,
    Failed,
    Gap,
    Removed,
    Reset,
    Sent,
    message_of,
    notice_of,
)
from gim.client.ops import Op
from gim.client.outbox import Entry, Outbox
from gim.client.outcome import Ended, GimError
from gim.client.positions import Positions, is_chatroom
from gim.client.settings import Settings

SAVE_INTERVAL = 1.0  # seconds between two saves


class Core(Connection):
    """One user's connection to a server, kept alive, with all that travels over it."""

    def __init__(self, settings: Settings, now: float, state: Mapping[str, Any] | None = None) -> None:
        """Begin in the state ``closed``. *state* is what the last `Save` had, if any."""
        super().__init__(settings)
        self.ends: list[Ended] = []  # the shell takes them out
        self._positions = Positions()
        self._outbox = Outbox(settings, self._timers, self._write_entry, self._sent_or_failed)
        self._rooms = Chatrooms(settings, self._timers, self._positions, self)
        self._early: list[tuple[int, Any]] = []  # pushes and events before the login reply
        self._last_number = 0  # of the application's requests
        self._unanswered: dict[int, None] = {}  # numbers of requests
        self._was_closed = False
        self._changed = False  # since the last save
        self._saved_at = float("-inf")
        if state is not None and state.get("user") == settings.id:
            self._positions.load(state)
            self._outbox.load(state["outbox"], now)

    # What the application calls

    def send(self, type: int, target_id: str, content: str, category: str, now: float) -> str:
        """Put a message into the outbox; return its request_id."""
        entry = self._outbox.add(type, target_id, content, category, now)
        if self._was_closed and self.state == "closed":
            self._outbox.end_all("the client is closed")
        self._changed = True
        self._settle(now)
        return entry.request_id

    def cancel(self, request_id: str, now: float) -> bool:
        """Take a message out of the outbox; False when it was written already, or has ended."""
        cancelled = self._outbox.cancel(request_id)
        self._settle(now)
        return cancelled

    def unsent(self, session: tuple[int, str] | None = None) -> list[Entry]:
        """Return the outbox in order, or what of it goes to a session (type and target)."""
        return [entry for entry in self._outbox if session in (None, entry.key)]

    def request(self, op: Op, body: Mapping[str, Any], now: float) -> int:
        """Write a request; return the number that its end will have."""
        self._last_number += 1
        number = self._last_number
        if self.state != "online":
            self._fail_request(number, "closed", f"there is no connection: the client is {self.state}")
            return number
        self._unanswered[number] = None

        def answered(code: int, msg: str, data: Mapping[str, Any], at: float) -> None:
            if code:
                self._fail_request(number, code, msg)
                self._refuse_if_401(code, msg, at)
            else:
                self._follow_room(op, body, data, at)
                del self._unanswered[number]
                self.ends.append(Ended(number, dict(data)))

        self._requests.write(op, body, answered, now, lambda: self._fail_request(number, *_TIMEOUT))
        return number

    @property
    def has_events(self) -> bool:
        """Whether `next_event` has one."""
        return len(self._events) > 0

    def next_event(self) -> Event | None:
        """Remove and return the oldest event."""
        return self._events.take()

    def report(self, error: Error) -> None:
        """Add an error that the shell found, such as a handler that raised."""
        self._events.put(error)

    def save(self, now: float) -> None:
        """Save what changed: the program may end without another call."""
        if self._changed and self._settings.stores:
            self._changed, self._saved_at = False, now
            self._timers.cancel("save")
            state = {"user": self._settings.id, **self._positions.state(), "outbox": self._outbox.state()}
            self.commands.append(Save(state))

    # Packets

    def received(self, socket: int, text: str | bytes, now: float) -> None:
        """A socket has brought a message."""
        if socket != self._socket:
            return
        self._heartbeat.heard(now)
        try:
            packet = json.loads(text)
            self._take(packet["op"], packet.get("seq", 0), json.loads(packet["body"]), now)
        except Exception as error:  # whatever a server writes, its connection is read on
            self.report(Error("protocol", f"not a packet: {error!r}"))
        self._settle(now)

    def _take(self, op: int, seq: int, body: Any, now: float) -> None:
        if op in (Op.PUSH, Op.EVENT):
            if self.state == "online":
                self._take_news(op, body)
            else:
                self._early.append((op, body))
        elif not self._requests.take(op, seq, body, now) and op == 0:
            self.report(Error(body["code"], body.get("msg", "")))

    def _take_news(self, op: int, body: Any) -> None:
        if op == Op.EVENT:
            self._take_notice(body)
        elif is_chatroom(body["session"]["id"]):
            self._rooms.take(body)
        else:
            self._deliver_private(body)

    def _deliver_private(self, push: Mapping[str, Any]) -> None:
        for item in push["items"]:
            message = message_of(item, push["session"]["title"])
            new, previous = self._positions.take_private(message.session_id, message.id)
            self._changed = True
            if new:
                self._events.put_message(message, previous)

    def deliver_room(self, session: str, title: str, items: list[Item]) -> None:
        """Deliver messages of a chatroom that are new: for `Chatrooms`."""
        for item in items:
            message = message_of(item, title)
            new, previous = self._positions.take_room(session, message.id)
            if new:
                self._changed = True
                self._events.put_message(message, previous)

    def report_gap(self, gap: Gap) -> None:
        """Tell the application that messages are missing: for `Chatrooms`."""
        self._events.put(gap)

    def _take_notice(self, body: Mapping[str, Any]) -> None:
        notice = notice_of(body)
        match notice:
            case Dismissed(session_id=session):
                self._leave(session)
            case Removed(session_id=session, user_id=self._settings.id):
                self._leave(session)
        self._events.put(notice)

    def _follow_room(self, op: Op, body: Mapping[str, Any], data: Mapping[str, Any], now: float) -> None:
        """Begin or forget a chatroom that the user joined or left."""
        if op == Op.JOIN and "session_id" in data:
            self._positions.joined(data["session_id"], int((now + self._skew) * 1000))
            self._changed = True
        elif op in (Op.LEAVE, Op.DISMISS):
            self._leave(f"1:{body['id']}")

    def _leave(self, session: str) -> None:
        self._rooms.left(session)
        self._changed = True

    # The connection

    def _position(self) -> dict[str, str]:
        if self._positions.epoch is None:
            return {}
        return {"since": self._positions.since, "epoch": self._positions.epoch}

    def _on_online(self, data: Mapping[str, Any], now: float) -> None:
        told = (data["epoch"], data.get("recovered", False), data["server_time"], data.get("missed", 0))
        reason = self._positions.logged_in(*told)
        if reason is not None:
            self._events.put(Reset(reason))
        self._rooms.logged_in(compare=reason in (None, "missed"))
        self._outbox.logged_in(data["epoch"], self._skew, now)
        early, self._early = self._early, []
        for op, body in early:
            self._take_news(op, body)
        self._changed = True

    def _on_offline(self) -> None:
        self._early.clear()
        self._rooms.disconnected()
        self._positions.disconnected()
        self._outbox.disconnected()
        for number in tuple(self._unanswered):
            self._fail_request(number, "closed", "the connection broke")

    def _on_too_big(self) -> None:
        self._outbox.fail_longest()

    def _on_data_lost(self) -> None:
        self._positions.lose_data()
        self._outbox.lose_data()
        self._changed = True

    def _on_closed(self, reason: str, now: float) -> None:
        self._was_closed = True
        self._outbox.end_all(reason)
        self.save(now)

    # Requests

    def ask(self, op: Op, body: dict[str, Any], answer: Answer) -> None:
        """Write a request of the library itself: for `Chatrooms`."""

        def answered(code: int, msg: str, data: Mapping[str, Any], at: float) -> None:
            if not self._refuse_if_401(code, msg, at):
                answer(code, data, at)

        self._requests.write(op, body, answered)

    def _write_entry(self, entry: Entry, now: float) -> None:
        def answered(code: int, msg: str, data: Mapping[str, Any], at: float) -> None:
            if not self._refuse_if_401(code, msg, at):
                self._outbox.answered(entry.request_id, code, msg, data, at)

        self._changed = True
        self._requests.write(Op.SEND, entry.body(), answered)

    def _refuse_if_401(self, code: int, msg: str, now: float) -> bool:
        if code == 401:
            self._refuse(code, msg, now)
        return code == 401

    def _fail_request(self, number: int, code: Code, msg: str) -> None:
        self._unanswered.pop(number, None)
        self.ends.append(Ended(number, GimError(code, msg)))

    def _sent_or_failed(self, end: Sent | Failed) -> None:
        self._changed = True
        if isinstance(end, Sent):
            self._positions.sent(end.id)
            self.ends.append(Ended(end.request_id, end))
        else:
            self.ends.append(Ended(end.request_id, GimError(end.code, end.msg)))
        self._events.put_end(end)

    # After each input

    def _settle(self, now: float) -> None:
        """Write what may be written, and save what changed."""
        self._outbox.pump(now)
        if self._changed and self._settings.stores:
            if now >= self._saved_at + SAVE_INTERVAL:
                self.save(now)
            else:
                self._timers.set("save", self._saved_at + SAVE_INTERVAL, self.save)


_TIMEOUT = ("timeout", "no answer in time")  # code and msg
