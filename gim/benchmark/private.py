"""Private messages between pairs of users: each is complete when its sender has the reply and its
receiver the push."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

from gim.benchmark.connection import Connection
from gim.benchmark.packets import (
    FIRST_NUMBER,
    PERSON,
    PUSH,
    SEND_REPLY,
    Template,
    number_of_reply,
    numbers_in,
    refusal_in,
)
from gim.benchmark.plan import Plan
from gim.benchmark.traffic import REFUSAL_PAUSE_S, Traffic

_TOO_MANY_REQUESTS = 429


class Correspondent(Connection):
    """One of a pair."""

    def __init__(self, traffic: PrivateTraffic) -> None:
        super().__init__(traffic, traffic.plan.site)
        self._traffic = traffic
        self._number = FIRST_NUMBER
        self._last_pushed = 0  # the highest number that the peer has
        self._due: dict[int, float] = {}  # of messages that are not complete, by number
        self._half = set[int]()  # messages that have either the reply or the push
        self._out: list[bytes] = []
        self.peer = self  # until both are there
        self.template: Template

    def post(self, due: float) -> None:
        """Make a message; `flush` writes it."""
        number = self._number
        self._number = number + 1
        self._due[number] = due
        self._traffic.waiting += 1
        self._out.append(self.template.frame(number, due))

    def flush(self) -> None:
        if self._out:
            self._traffic.sent += len(self._out)
            if self.is_open:
                self.transport.write(b"".join(self._out))
            self._out.clear()

    def on_text(self, payload: bytes) -> None:
        if payload.startswith(PUSH):
            for number in numbers_in(payload):
                self.peer.on_pushed(number)
        elif payload.startswith(SEND_REPLY):
            self._on_reply(payload)
        else:
            super().on_text(payload)

    def on_read(self) -> None:
        if self._out:
            self.flush()
        if self.peer._out:
            self.peer.flush()

    def _on_reply(self, payload: bytes) -> None:
        number = number_of_reply(payload)
        if refusal := refusal_in(payload):
            due = self._due.pop(number)
            self._traffic.refused(self, due, refusal.code, refusal.msg)
        else:
            self._passed(number, "reply")

    def on_pushed(self, number: int) -> None:
        """Note that the peer has a message of this one."""
        if number <= self._last_pushed:
            self._traffic.tally.counts["repeated"] += 1
        else:
            self._last_pushed = number
            self._passed(number, "push")

    def _passed(self, number: int, what: str) -> None:
        due, traffic = self._due[number], self._traffic
        if traffic.begin <= due < traffic.end:
            traffic.latencies[what].add(int((monotonic() - due) * 1e6))
        if number in self._half:
            self._half.remove(number)
            del self._due[number]
            traffic.messages += 1
            traffic.waiting -= 1
            if traffic.is_closed_loop and traffic.is_sending:
                self.post(monotonic())
        else:
            self._half.add(number)


class PrivateTraffic(Traffic):
    """Pairs: connections 0 and 1, 2 and 3, and so on."""

    def __init__(self, plan: Plan, say: Any) -> None:
        super().__init__(plan, say)
        self.is_closed_loop = not plan.rate
        self.latencies = {name: self.tally.latencies[name] for name in ("reply", "push")}
        self.waiting = 0  # messages that are not complete
        self._turn = 0

    def make(self) -> Correspondent:
        return Correspondent(self)

    async def open(self) -> None:
        await super().open()
        for number, connection in enumerate(self.connections):
            connection.peer = self.connections[number ^ 1]
            peer = self.plan.users[number ^ 1].id
            connection.template = Template(PERSON, peer, self.plan.size)

    @property
    def under_way(self) -> int:
        return self.waiting

    def start(self) -> None:
        for connection in self.connections:
            for _ in range(self.plan.in_flight):
                connection.post(monotonic())
            connection.flush()

    def send(self, due: float) -> None:
        connection = self.connections[self._turn]
        self._turn = (self._turn + 1) % len(self.connections)
        connection.post(due)
        connection.flush()

    def refused(self, sender: Correspondent, due: float, code: int, msg: str) -> None:
        """Count an error, and in a closed loop try again after a while."""
        self.waiting -= 1
        if self.begin <= due < self.end:
            self.tally.refused(code, msg)
        if self.is_closed_loop:
            pause = REFUSAL_PAUSE_S
            asyncio.get_running_loop().call_later(pause, self._try_again, sender)

    def _try_again(self, sender: Correspondent) -> None:
        if self.is_sending and sender.is_open:
            sender.post(monotonic())
            sender.flush()
