"""The life of a device, by dice: others write to it, it writes to them, it is cut off and comes back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any
from unittest import TestCase

from gim.concurrency.gather import gather
from tests.support.recovery.device import PRIVATE, Device, Link

PEERS = ("bob", "cat", "dan")
# the most bytes that a connection reads before it is cut: in the handshake, the login, the catching up
MOST_BYTES = (300, 1000, 10_000, 100_000)

Connect = Callable[[int | None], Awaitable[Link]]
Happening = Callable[[], Awaitable[None]]


class RandomRun:
    """Its steps are drawn from a seed; what it sends and what is sent to it is numbered."""

    def __init__(self, case: TestCase, name: str, seed: int, connect: Connect) -> None:
        """*connect* takes the bytes that the connection is to read, None for no end."""
        self._case = case
        self._dice = Random(seed)
        self._connect = connect
        self._label = f"{name}, seed {seed}"
        self.device = Device(name)
        self._peers: dict[str, Link] = {}
        self._sent: dict[str, Any] = {}  # by id: what its peers were told to be stored
        self._own: list[str] = []  # contents
        self._excused: set[str] = set()  # ids that it will never have, and was told so
        self._told = 0  # how often it had been when that was looked at last
        self._count = 0

    async def begin(self) -> None:
        """Connect everybody; the device learns the epoch while there is nothing to miss."""
        for peer in PEERS:
            self._peers[peer] = await self._connect(None)
            await self._peers[peer].ask(101, id=self._id_of(peer))
        await self.device.login(await self._connect(None))

    def _id_of(self, peer: str) -> str:
        return f"{peer}-of-{self.device.user_id}"

    async def live(self, steps: int, *more: Happening) -> None:
        """Let so many things happen, and then all be well again; *more* may happen, too."""
        happenings: list[Happening] = [
            *[self._hear_some] * 4,
            self._hear_much,
            self._speak,
            self._come_back,
            self._come_back,
            self._notice,
            self._vanish,
            *more,
        ]
        for _ in range(steps):
            await self._dice.choice(happenings)()
        self._case.assertGreater(self.device.cuts, 0, self._label)
        await self._come_back_for_good()

    # what may happen

    async def _hear_some(self) -> None:
        await self._hear(self._dice.randint(1, 6))

    async def _hear_much(self) -> None:
        await self._hear(self._dice.randint(20, 120))

    async def _hear(self, count: int) -> None:
        await gather([self._hear_one() for _ in range(count)])

    async def _hear_one(self) -> None:
        self._count += 1
        content = f"{self._count} ☺" * self._dice.randint(1, 9)
        words = {"type": PRIVATE, "target_id": self.device.user_id, "content": content}
        sent = await self._dice.choice(list(self._peers.values())).ask(201, **words)
        self._sent[sent["id"]] = {**sent, "content": content}

    async def _speak(self) -> None:
        self._count += 1
        self._own.append(f"own {self._count}")
        await self.device.send(self._id_of(self._dice.choice(PEERS)), self._own[-1])

    async def _come_back(self) -> None:
        if self.device.link is None:
            most = self._dice.choice(MOST_BYTES)
            await self.device.login(await self._connect(self._dice.randint(1, most)))
            await self._check()

    async def _notice(self) -> None:
        if await self.device.sync():
            await self._check()

    async def _vanish(self) -> None:
        await self.device.hang_up()

    async def _come_back_for_good(self) -> None:
        await self.device.hang_up()
        await self.device.login(await self._connect(None))
        await self._check()

    # what must hold

    async def _check(self) -> None:
        """See that a device that has caught up lacks nothing but what it was told of."""
        if self.device.link is None:  # it was cut again
            return
        lacking = self._sent.keys() - self.device.messages.keys() - self._excused
        if lacking:
            self._case.assertGreater(self.device.times_told, self._told, self._label)
            self._excused |= lacking
        self._told = self.device.times_told

    @property
    def lacking(self) -> int:
        """How many messages it will never have."""
        return len(self._excused)

    def check_all_is_there(self) -> None:
        """See that it has every private message once: those of others, and its own."""
        contents: dict[str, list[str]] = defaultdict(list)
        for message_id, message in self.device.messages.items():
            contents[message["content"]].append(message_id)
        stored = {sent["content"]: [message_id] for message_id, sent in self._sent.items()}
        own = {content: contents.get(content, []) for content in self._own}
        self._case.assertEqual(contents, stored | own, self._label)
        self._case.assertEqual({len(ids) for ids in own.values()} - {1}, set(), self._label)
        self._case.assertEqual((self.lacking, self.device.times_told), (0, 0), self._label)

    def check_sequences(self) -> None:
        """See that the numbers of each session have no hole but for what the device was told of.

        A send whose reply was cut off may have been stored and removed before it was repeated, and then
        has a second message: its first number is unknown to the device, and lower than the second.
        """
        numbers: dict[str, list[int]] = defaultdict(list)
        excused = [self._sent[message_id] for message_id in self._excused]
        for message in (*self.device.messages.values(), *excused):
            numbers[message["session_id"]].append(message["sequence"])
        for session_id, found in numbers.items():
            unknown = sorted(set(range(1, max(found) + 1)) - set(found))
            again = sorted(
                sent["sequence"]
                for sent in self.device.sent_again.values()
                if sent["session_id"] == session_id
            )
            self._case.assertEqual(len(found), len(set(found)), f"{self._label}, {session_id}")
            self._case.assertLessEqual(len(unknown), len(again), f"{self._label}, {unknown}")
            for first, second in zip(reversed(unknown), reversed(again), strict=False):
                self._case.assertLess(first, second, f"{self._label}, {session_id}")
