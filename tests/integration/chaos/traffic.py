"""Who there is: users with several devices, and chatrooms; and what a device does by dice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import takewhile
from random import Random

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from tests.integration.chaos import journal as op
from tests.integration.chaos.codecs import CODECS
from tests.integration.chaos.connection import HungUp
from tests.integration.chaos.device import PAUSE_AFTER_503, Device, Refused
from tests.integration.chaos.journal import (
    CHATROOM,
    PRIVATE,
    Journal,
    Letter,
    chatroom_session,
    private_session,
)
from tests.integration.chaos.topology import GimNode
from tests.support.redis.setups import at_once

USERS = ("ann", "bob", "cid", "dan", "eve", "fay")
DEVICES = 2  # of each user
ROOMS = {"all": USERS, "den": USERS[:3], "duo": ("dan", "eve"), "hall": ("fay",)}  # who stays
HALL, GUESTS = "hall", ("ann0", "bob0", "cid0")  # the devices that join it and leave it
ACTION_PAUSE = 0.06  # seconds, unless a run has another one
RECENT = 60.0  # seconds in which a message is sent again or recalled; gim allows more for both
BURST = 12  # messages at once, at most


class Traffic:
    """All devices of a setup, and what they do until they are told to stop."""

    def __init__(
        self, nodes: list[GimNode], journal: Journal, dice: Random, pause: float = ACTION_PAUSE
    ) -> None:
        """*pause* is the average of the seconds between two actions of a device."""
        self.journal = journal
        self._pause = pause
        self.devices = [
            Device(
                f"{user}{n}", user, CODECS[n % 2], nodes, journal, Random(f"{dice.random()} {user} {n}")
            )
            for user in USERS
            for n in range(DEVICES)
        ]
        self._stopped = False
        self._count = 0
        self._ended: list[Deferred[None]] = []

    async def start(self) -> None:
        """Let all join their chatrooms, log in, and begin to talk.

        A join with another device reaches a node some milliseconds late, so all log in after it.
        """
        for device in self.devices[::DEVICES]:
            for room, members in ROOMS.items():
                if device.user in members:
                    await self._join(device, room)
        for device in self.devices:
            device.hang_up()
        await at_once(device.come() for device in self.devices)
        self._ended = [Deferred.fromCoroutine(self._live(device)) for device in self.devices]

    async def _join(self, device: Device, room: str) -> None:
        while True:
            try:
                await device.come()
                await device.ask(op.JOIN, id=room)
                return
            except (HungUp, Refused):
                await deferLater(reactor, PAUSE_AFTER_503)

    async def stop(self) -> None:
        """Let each device finish what it does, and send what it has not sent."""
        self._stopped = True
        for ended in self._ended:
            await ended

    async def _live(self, device: Device) -> None:
        actions = self._actions(device)
        chances = [chance for chance, _ in actions]
        while not self._stopped:
            await device.come()
            act = device.dice.choices([act for _, act in actions], chances)[0]
            try:
                await act(device)
            except HungUp:
                pass
            except Refused:
                await deferLater(reactor, PAUSE_AFTER_503)
            await deferLater(reactor, device.dice.expovariate(1 / self._pause))
        await self.finish(device)

    async def finish(self, device: Device) -> None:
        """Come back and send all that was not acknowledged."""
        while device.outbox or not device.is_online:
            try:
                await device.come()
                await device.flush()
            except HungUp:
                pass

    def _actions(self, device: Device) -> list[tuple[int, Callable[[Device], Awaitable[object]]]]:
        """Return what a device does, with how often it does so."""
        return [
            (40, self._say),
            (6, self._say_much),
            (4, self._repeat),
            (2, self._recall),
            (8, self._read),
            (3, self._look),
            (4, self._reconnect),
            (1, self._stay_away),
            (2, self._log_in_again),
            (4, self._visit_hall),
        ]

    def _write(self, device: Device) -> None:
        """Put a message to anyone, or to any chatroom of its user, into the outbox."""
        self._count += 1
        rooms = [room for room, members in ROOMS.items() if device.user in members]
        if device.dice.random() < 0.4:
            device.write(CHATROOM, device.dice.choice(rooms), self._count)
        else:
            others = [user for user in USERS if user != device.user]
            device.write(PRIVATE, device.dice.choice(others), self._count)

    async def _say(self, device: Device) -> None:
        self._write(device)
        await device.flush()

    async def _say_much(self, device: Device) -> None:
        """Send several messages without waiting for replies; what has none stays in the outbox."""
        for _ in range(device.dice.randint(2, BURST)):
            self._write(device)
        letters = list(device.outbox)
        try:
            await at_once(device.send(letter) for letter in letters)
        finally:
            unsent = [letter for letter in device.outbox if not letter.answers]
            device.outbox.clear()
            device.outbox.extend(unsent)

    async def _repeat(self, device: Device) -> None:
        """Send a message again that was acknowledged: the answer stays."""
        if mine := self._recent(device):
            await device.send(device.dice.choice(mine))

    async def _recall(self, device: Device) -> None:
        if mine := self._recent(device):
            await device.recall(device.dice.choice(mine))

    def _recent(self, device: Device) -> list[Letter]:
        """Return messages that the device sent just now, but none to a chatroom that it may have left."""
        since = reactor.seconds() - RECENT
        mine = takewhile(lambda one: one.begun_at > since, reversed(device.acknowledged))
        return [one for one in mine if one.target != HALL]

    async def _read(self, device: Device) -> None:
        """Mark a session as read, but not a chatroom that another device may have left meanwhile."""
        if some := sorted(device.newest.keys() - {chatroom_session(HALL)}):
            await device.mark_read(device.dice.choice(some))

    async def _look(self, device: Device) -> None:
        """Look at sessions and histories."""
        sessions = await device.ask(op.SESSIONS, count=device.dice.randint(1, 50))
        ids = [one["id"] for one in sessions["items"] if one["id"] != chatroom_session(HALL)]
        if ids:
            session_id = device.dice.choice(ids)
            await device.ask(op.HISTORY, session_id=session_id, count=device.dice.randint(1, 100))
        await device.ask(op.HEARTBEAT)

    async def _reconnect(self, device: Device) -> None:
        device.hang_up()

    async def _stay_away(self, device: Device) -> None:
        device.hang_up()
        await deferLater(reactor, device.dice.uniform(0.5, 6))

    async def _log_in_again(self, device: Device) -> None:
        """Log out and in again on one connection."""
        await device.logout()

    async def _visit_hall(self, device: Device) -> None:
        """Join a chatroom, say something there, and leave it."""
        if device.name not in GUESTS:
            return
        if device.visit:
            session_id = chatroom_session(HALL)
            now = reactor.seconds()
            ended = [(one, begun, min(end, now)) for one, begun, end in device.visit.left]
            device.visit.left[:] = ended
            await device.ask(op.JOIN, id=HALL)
            self._count += 1
            device.write(CHATROOM, HALL, self._count)
            await device.flush()
            await device.ask(op.LEAVE, id=HALL)
            device.visit.left.append((session_id, reactor.seconds(), float("inf")))


def sessions_of(journal: Journal) -> list[str]:
    """Return the sessions that messages were sent to, and the chatrooms."""
    written = {letter.session_id for letter in journal.letters.values()}
    return sorted(written | {chatroom_session(room) for room in ROOMS})


def reader_of(session_id: str) -> str:
    """Return a user who may read a session."""
    kind, *names = session_id.split(":")
    return names[0] if kind == "2" else ROOMS[names[0]][0]


def sessions_by_user(journal: Journal) -> dict[str, set[str]]:
    """Return the sessions that belong into the list of each user."""
    found: dict[str, set[str]] = {user: set() for user in USERS}
    for room, members in ROOMS.items():
        for user in members:
            found[user].add(chatroom_session(room))
    for letter in journal.acknowledged():
        if letter.kind == PRIVATE:
            for user in (letter.sender, letter.target):
                found[user].add(private_session(letter.sender, letter.target))
    return found
