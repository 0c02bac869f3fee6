"""Messages to chatrooms: one member of each sends, all of them get the pushes.

A message has arrived with a member as soon as a push has it or a later one, as the server may skip
messages. It is complete when it has arrived with all members. Members of a chatroom may be in several
processes; each says when a message has arrived with all of its own.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

from gim.benchmark.connection import Connection
from gim.benchmark.frames import TEXT, sent
from gim.benchmark.packets import (
    CHATROOM,
    DISMISS,
    FIRST_NUMBER,
    JOIN,
    PUSH,
    SEND_REPLY,
    Push,
    Refusal,
    Template,
    number_of_reply,
    push_in,
    refusal_in,
)
from gim.benchmark.plan import Plan
from gim.benchmark.traffic import AT_A_TIME, REFUSAL_PAUSE_S, Traffic
from gim.cli.failures import Failure


class Room:
    """A chatroom, as one process sees it."""

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.members = 0  # of this process
        self.sender: Member | None = None  # if it is in this process
        self.template: Template
        self.next_number = FIRST_NUMBER
        self.due: dict[int, float] = {}  # of the sender's messages that are not complete
        self.unanswered: dict[int, float] = {}  # when those without a reply were due
        self.processes_left: dict[int, int] = {}  # whose members do not all have such a message
        self.members_left: dict[int, int] = {}  # of this process that do not have a message
        self.frame = b""  # the last push: all members get the same bytes
        self.payload = b""  # of that
        self.push = Push([], 0)


class Member(Connection):
    """A member of a chatroom."""

    def __init__(self, traffic: FanoutTraffic) -> None:
        super().__init__(traffic, traffic.plan.site)
        self._traffic = traffic
        self._last_number = FIRST_NUMBER - 1
        self.is_joined = False
        self.room: Room

    def on_data(self, data: bytes) -> None:
        if self.is_joined and data == self.room.frame and self.is_between_frames:
            self._traffic.bytes_in += len(data)
            self._on_push(self.room)
        else:
            super().on_data(data)

    def on_text(self, payload: bytes) -> None:
        if payload.startswith(PUSH):
            room = self.room
            if payload != room.payload:
                room.frame, room.payload = sent(TEXT, payload), payload
                room.push = push_in(payload)
            self._on_push(room)
        elif payload.startswith(SEND_REPLY):
            self._traffic.on_reply(self.room, payload)
        else:
            super().on_text(payload)

    def _on_push(self, room: Room) -> None:
        traffic, now = self._traffic, monotonic()
        traffic.frames += 1
        traffic.skipped += room.push.skipped
        last = self._last_number
        for number, due in room.push.items:
            if number <= last:
                traffic.tally.counts["repeated"] += 1
                continue
            traffic.deliveries += 1
            if traffic.begin <= due < traffic.end:
                traffic.push_latencies.add(int((now - due) * 1e6))
            for arrived in range(last + 1, number + 1):
                traffic.on_arrived(room, arrived)
            self._last_number = last = number


class FanoutTraffic(Traffic):
    """Chatrooms whose members are spread over all processes."""

    def __init__(self, plan: Plan, say: Any) -> None:
        super().__init__(plan, say)
        self.latencies = {name: self.tally.latencies[name] for name in ("reply", "push")}
        self.push_latencies = self.latencies["push"]
        self._rooms = [Room(number, name) for number, name in enumerate(plan.rooms)]
        self._own: list[Room] = []  # whose senders are in this process
        self._turn = 0

    def make(self) -> Member:
        return Member(self)

    async def open(self) -> None:
        await super().open()
        for number, connection in enumerate(self.connections):
            room = self._rooms[self.plan.room_of(number)]
            connection.room, connection.is_joined = room, True
            room.members += 1
            if number * self.plan.processes + self.plan.place == room.number:
                room.sender = connection
                room.template = Template(CHATROOM, room.name, self.plan.size)
                self._own.append(room)

    async def create(self) -> None:
        """Create the chatrooms: a sender is the owner. Raises `Failure`."""
        for room in self._own:
            assert room.sender is not None
            await self.or_failure(room.sender.ask(JOIN, {"id": room.name}))

    async def join(self) -> None:
        """Have all members join. Raises `Failure`."""
        members = iter(self.connections)

        async def some() -> None:
            for member in members:
                await self.or_failure(member.ask(JOIN, {"id": member.room.name}))

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_A_TIME):
                group.create_task(some())

    async def dismiss(self) -> list[str]:
        """Dismiss the chatrooms; return the names of any that are left."""
        left = []
        for room in self._own:
            assert room.sender is not None
            try:
                await self.or_failure(room.sender.ask(DISMISS, {"id": room.name}))
            except Failure:
                left.append(room.name)
        return left

    @property
    def under_way(self) -> int:
        return sum(len(room.due) for room in self._own)

    def start(self) -> None:
        for room in self._own:
            for _ in range(self.plan.in_flight):
                self._post(room, monotonic())

    def send(self, due: float) -> None:
        """Send to the chatrooms in turn."""
        self._post(self._own[self._turn], due)
        self._turn = (self._turn + 1) % len(self._own)

    def _post(self, room: Room, due: float) -> None:
        number = room.next_number
        room.next_number = number + 1
        room.due[number] = room.unanswered[number] = due
        room.processes_left[number] = self.plan.processes
        self.sent += 1
        if room.sender is not None and room.sender.is_open:
            room.sender.transport.write(room.template.frame(number, due))

    def on_reply(self, room: Room, payload: bytes) -> None:
        """Take the reply to a message."""
        number = number_of_reply(payload)
        due = room.unanswered.pop(number)
        counts = self.begin <= due < self.end
        if refusal := refusal_in(payload):
            self._refused(room, number, refusal, counts)
        elif counts:
            self.latencies["reply"].add(int((monotonic() - due) * 1e6))

    def _refused(self, room: Room, number: int, refusal: Refusal, counts: bool) -> None:
        del room.due[number], room.processes_left[number]
        if counts:
            self.tally.refused(refusal.code, refusal.msg)
        if not self.plan.rate:
            asyncio.get_running_loop().call_later(REFUSAL_PAUSE_S, self._next, room)

    def _next(self, room: Room) -> None:
        if self.is_sending and not self.plan.rate:
            self._post(room, monotonic())

    def on_arrived(self, room: Room, number: int) -> None:
        """Note that one more member of this process has a message."""
        left = room.members_left.get(number, room.members) - 1
        if left:
            room.members_left[number] = left
            return
        room.members_left.pop(number, None)
        if room.sender is not None:
            self.on_reached(room.number, number)
        else:
            self.say({"reached": [room.number, number]})

    def on_reached(self, room_number: int, number: int) -> None:
        """Note that all members of one process have a message of a sender in this process."""
        room = self._rooms[room_number]
        if number not in room.due:
            return  # it was refused
        room.processes_left[number] -= 1
        if not room.processes_left[number]:
            del room.processes_left[number], room.due[number]
            self.messages += 1
            self._next(room)
