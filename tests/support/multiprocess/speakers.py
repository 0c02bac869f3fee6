"""Users who write to each other all the time, on devices that come back, and an account of it all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import cycle
from typing import Any
from unittest import TestCase

from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, gatherResults, succeed
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.task import deferLater

from tests.support.multiprocess.server import Server
from tests.support.nodes import client
from tests.support.nodes.cluster_case import eventually
from tests.support.recovery.device import Device, HungUp
from tests.support.redis.environment import HOST, PATIENCE

SEND, HISTORY, UNAVAILABLE = 201, 203, 503
PAUSE = 0.01  # seconds between two messages of a device
PAUSE_AFTER_503 = 0.05
PAUSE_BETWEEN_ATTEMPTS = 0.1  # to connect


class PersistentLink(client.Client):
    """Implements `tests.support.recovery.device.Link`: what is answered with 503 is asked again."""

    def __init__(self) -> None:
        super().__init__()
        self.acknowledged: list[tuple[str, str]] = []  # ids and contents of messages
        self.refused = 0  # how often it was answered with 503

    async def ask(self, op: int, **body: Any) -> Any:
        while True:
            try:
                answer = await self.attempt(op, **body)
            except client.HungUp as error:
                raise HungUp from error
            if answer.code != UNAVAILABLE:
                break
            self.refused += 1
            await deferLater(reactor, PAUSE_AFTER_503)
        assert answer.code == 0, (self.user_id, op, body, answer)
        if op == SEND:
            self.acknowledged.append((answer.data["id"], body["content"]))
        return answer.data

    async def cut(self) -> None:
        await self.hang_up()


async def link_to(port: int) -> PersistentLink | None:
    """Connect to a gateway; return None if that fails. The connection may be gone again."""
    factory: Any = WebSocketClientFactory(f"ws://{HOST}:{port}")
    factory.noisy = False
    factory.protocol = PersistentLink
    factory.setProtocolOptions(openHandshakeTimeout=PATIENCE)
    try:
        link: Any = await HostnameEndpoint(reactor, HOST, port).connect(factory)
    except ConnectError:
        return None
    both = DeferredList([link.opened, link.gone], fireOnOneCallback=True)
    await both.addTimeout(PATIENCE, reactor)
    return link if link.opened.called else None


class Speaker:
    """One device of a user. It sends to its peers by turns, until it is told to stop."""

    def __init__(
        self, port: int, user_id: str, peers: Sequence[str], name: str, padding: int = 0
    ) -> None:
        """Every fifth message has *padding*, as many bytes."""
        self.device = Device(user_id)
        self.name = name
        self.links: list[PersistentLink] = []  # all that it has had
        self._port = port
        self._peers = cycle(peers)
        self._padding = cycle(("", "", "", "", "." * padding))
        self._stopped = self._has_given_up = False
        self._count = 0
        self.ended: Deferred[None] = succeed(None)

    def start(self) -> None:
        self.ended = Deferred.fromCoroutine(self._live())

    def stop(self) -> None:
        """Send no new message; ``ended`` fires when all are acknowledged."""
        self._stopped = True

    async def _live(self) -> None:
        while not self._stopped:
            await self.come()
            self._count += 1
            peer = next(self._peers)
            request_id = f"{self.name} to {peer}: {self._count}"
            await self.device.send(peer, request_id + next(self._padding), request_id)
            await deferLater(reactor, PAUSE)
        while not self._has_given_up and not await self.device.sync():
            await self.come()

    async def come(self) -> None:
        """Connect, log in with what it has, send again, and catch up; until that has worked."""
        while self.device.link is None and not self._has_given_up:
            if (link := await link_to(self._port)) is not None:
                self.links.append(link)
                link.user_id = self.device.user_id
                await self.device.login(link)
            else:
                await deferLater(reactor, PAUSE_BETWEEN_ATTEMPTS)

    async def come_again(self) -> None:
        """Come back on a new connection, with the newest message that was pushed."""
        await self.device.hang_up()
        await self.come()

    async def go(self) -> None:
        """Hang up at the end of a test, whatever is left to do."""
        self._stopped = self._has_given_up = True
        for link in self.links:
            await link.hang_up()
        await self.ended

    @property
    def acknowledged(self) -> list[tuple[str, str]]:
        """The ids and contents of what the server has acknowledged to this device."""
        return [pair for link in self.links for pair in link.acknowledged]


class Talk:
    """Speakers that all write to each other: some devices of each of some users."""

    def __init__(
        self, case: TestCase, port: int, user_ids: Sequence[str], devices: int = 2, padding: int = 0
    ) -> None:
        self._case = case
        self.speakers = []
        for user_id in user_ids:
            peers = [other for other in user_ids if other != user_id]
            names = [f"{user_id}{number}" for number in range(devices)]
            self.speakers += [Speaker(port, user_id, peers, name, padding) for name in names]

    async def start(self) -> None:
        """Let all log in, one after the other, and then talk."""
        for speaker in self.speakers:
            self._case.addCleanup(speaker.go)
            await speaker.come()
        for speaker in self.speakers:
            speaker.start()

    def at(self, server: Server, number: int) -> list[Speaker]:
        """Return the devices that a worker serves."""
        return [
            speaker
            for speaker in self.speakers
            if speaker.device.link is not None and server.worker_of(speaker.links[-1]) == number
        ]

    async def flows(
        self, count: int = 10, among: Sequence[Speaker] = (), patience: float = PATIENCE
    ) -> None:
        """Wait until each device, or each of some, has *count* more acknowledgements."""
        speakers = among or self.speakers
        wanted = [(speaker, len(speaker.acknowledged) + count) for speaker in speakers]
        await eventually(
            lambda: all(len(speaker.acknowledged) >= enough for speaker, enough in wanted),
            f"{count} acknowledgements for each of {[speaker.name for speaker in speakers]}",
            patience,
        )

    @property
    def count(self) -> int:
        """The number of acknowledgements so far."""
        return sum(len(link.acknowledged) for speaker in self.speakers for link in speaker.links)

    async def stop(self) -> None:
        """Let all end when what they have sent is acknowledged."""
        for speaker in self.speakers:
            speaker.stop()
        await gatherResults([speaker.ended for speaker in self.speakers])

    async def settle(self) -> int:
        """End it, let all come back with ``since``, and check the account.

        Each message that was acknowledged is once in the history, with that id, and each device has all
        messages of its user. Returns how many were acknowledged.
        """
        await self.stop()
        for speaker in self.speakers:
            await speaker.come_again()
        stored = await self._read()
        self._check_stored(stored)
        for speaker in self.speakers:
            self._check_device(speaker, stored)
        return sum(len(set(speaker.acknowledged)) for speaker in self.speakers)

    async def _read(self) -> dict[str, dict[str, str]]:
        """Return all contents by user and id, as one device of each user reads them in the histories."""
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for device in {speaker.device.user_id: speaker.device for speaker in self.speakers}.values():
            link = device.link
            assert link is not None
            for session_id in {message["session_id"] for message in device.messages.values()}:
                page: dict[str, Any] = {"has_more": True}
                before: dict[str, str] = {}
                while page["has_more"]:
                    page = await link.ask(HISTORY, session_id=session_id, count=100, **before)
                    items = {message["id"]: message["content"] for message in page["items"]}
                    found[device.user_id] |= items
                    before = {"message_id": page["items"][0]["id"]}
        return found

    def _check_stored(self, stored: dict[str, dict[str, str]]) -> None:
        kept = {message_id: text for contents in stored.values() for message_id, text in contents.items()}
        twice = [text for text, times in Counter(kept.values()).items() if times > 1]
        self._case.assertEqual(twice, [], "stored twice")
        told = {pair for speaker in self.speakers for pair in speaker.acknowledged}
        self._case.assertEqual(told - kept.items(), set(), "acknowledged, but not so in the history")
        self._case.assertEqual(kept.items() - told, set(), "stored, but never acknowledged")

    def _check_device(self, speaker: Speaker, stored: dict[str, dict[str, str]]) -> None:
        device = speaker.device
        has = {message_id: message["content"] for message_id, message in device.messages.items()}
        self._case.assertEqual(has, stored[device.user_id], f"what {speaker.name} has")
        self._case.assertEqual(device.times_told, 0, f"{speaker.name} was told of a hole")
