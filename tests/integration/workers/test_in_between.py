"""A worker is killed while clients come, while all are to go, and while files are read again."""

from __future__ import annotations

import os
import signal
from random import Random

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.python.filepath import FilePath

from tests.support.multiprocess.server import Server, WorkersTestCase
from tests.support.multiprocess.speakers import PAUSE_BETWEEN_ATTEMPTS, PersistentLink, link_to
from tests.support.nodes.cluster_case import SLACK, eventually
from tests.support.recovery.device import HungUp

LOGIN, JOIN, MEMBERS = 101, 301, 305
COUNT = 40  # clients
ROUNDS = 3
DRAIN = 1.5  # seconds
FIRST, SECOND, THIRD = (f"the-{word}-key-of-the-administrator" for word in ("first", "second", "third"))


class InBetweenTests(WorkersTestCase):
    async def test_in_the_middle_of_logins_and_joins(self) -> None:
        """All come in the end, those who have gone are not counted, and who was told so is a member."""
        limits = ("--max-user-connections", "2", "--max-connections", str(COUNT + 5))
        server = await self.server(*limits)
        dice = Random(1)
        links: list[PersistentLink] = []
        for turn in range(ROUNDS):
            await gatherResults([link.hang_up() for link in links])
            number = turn % 2 + 1
            coming = [Deferred.fromCoroutine(self.come(server, f"u{n}")) for n in range(COUNT)]
            await deferLater(reactor, dice.uniform(0.01, 0.2))
            former = await server.kill_worker(number)
            links = await gatherResults(coming, consumeErrors=True)
            await server.is_back(number, former)
        for link in links[::2]:
            await link.hang_up()
        stayed = {link.user_id for link in links if link.close_code is None}
        observer = await self.come(server, "observer")
        await self.is_there(observer, stayed | {"observer"})
        for link in links:
            await link.hang_up()
        await self.is_there(observer, {"observer"})

    async def come(self, server: Server, user_id: str) -> PersistentLink:
        """Log in and join, on a new connection if need be."""
        while True:
            try:
                if (link := await link_to(server.ws)) is not None:
                    self.addCleanup(link.hang_up)
                    link.user_id = user_id
                    await link.ask(LOGIN, id=user_id)
                    await link.ask(JOIN, id="den")
                    return link
            except HungUp:
                pass
            await deferLater(reactor, PAUSE_BETWEEN_ATTEMPTS)

    async def is_there(self, observer: PersistentLink, online: set[str]) -> None:
        """Wait until these members are online and no others; all who have come are members."""
        there: set[str] = set()
        deadline = reactor.seconds() + 5
        while there != online and reactor.seconds() < deadline:
            members = (await observer.ask(MEMBERS, id="den", count=1000))["items"]
            there = {member["id"] for member in members if member["online"]}
            await deferLater(reactor, 0.05)
        self.assertEqual(there, online)
        self.assertEqual(len(members), COUNT + 1)

    async def test_in_the_middle_of_draining(self) -> None:
        server = await self.server("--drain", f"{DRAIN}s")
        clients = [await self.at(server, f"u{number}") for number in range(COUNT)]
        others = [client for client in clients if server.worker_of(client) == 2]
        self.assertEqual(len(others), COUNT / 2)
        server.process.signal(signal.SIGTERM)
        began = reactor.seconds()
        await server.process.says(f"stopping, {COUNT} connections to close")
        await eventually(lambda: sum(bool(one.close_code) for one in clients) > 5, "some to be closed")
        await server.kill_worker(1)
        self.assertEqual(await server.process.exited, 0)
        self.assertLess(reactor.seconds() - began, DRAIN + 1 + SLACK)
        self.assertEqual({client.close_code for client in others}, {3001})
        self.assertLessEqual({client.close_code for client in clients}, {3001, 1006})

    async def test_in_the_middle_of_a_reload(self) -> None:
        self.file = FilePath(self.mktemp())
        self.write(FIRST)
        server = await self.server("--admin-key-file", os.path.abspath(self.file.path))
        await self.takes(server, FIRST)
        self.write(SECOND)
        server.process.signal(signal.SIGHUP)
        former = await server.kill_worker(1)  # before or after it has read the new key
        await server.is_back(1, former)
        await self.takes(server, SECOND)
        former = await server.kill_worker(2)
        self.write(THIRD)
        server.process.signal(signal.SIGHUP)  # the next one is starting
        await server.is_back(2, former)
        await self.takes(server, THIRD)

    def write(self, key: str) -> None:
        self.file.setContent(key.encode())
        self.file.chmod(0o600)

    async def takes(self, server: Server, key: str) -> None:
        """See that all workers know this key of the administrator only: they serve requests in turn."""
        for one in FIRST, SECOND, THIRD:
            for _ in range(4):
                status, _ = await server.request("GET", "/v1/admin/statistics", key=one)
                self.assertEqual(status, 200 if one == key else 401)
