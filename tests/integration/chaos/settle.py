"""The end of a run: all faults are healed, all devices come back, and everything is read and judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.task import deferLater

from tests.integration.chaos.chatroom_checks import check_chatrooms
from tests.integration.chaos.checks import check_all, check_delivery
from tests.integration.chaos.connection import HungUp
from tests.integration.chaos.device import PAUSE_AFTER_503, Device, Refused
from tests.integration.chaos.journal import CHATROOM, PRIVATE, Item, Journal, chatroom_session
from tests.integration.chaos.judgement import Found, Violation
from tests.integration.chaos.leftovers import check_leftovers, check_log, wait_for
from tests.integration.chaos.list_checks import check_list, check_pages
from tests.integration.chaos.request_checks import check_requests
from tests.integration.chaos.topology import GimNode, Topology
from tests.integration.chaos.traffic import (
    GUESTS,
    HALL,
    ROOMS,
    USERS,
    Traffic,
    reader_of,
    sessions_by_user,
    sessions_of,
)
from tests.support.redis.setups import at_once

SEND_LIMIT = 60.0  # seconds until all that waits in outboxes is acknowledged
DELIVERY_LIMIT = 30.0  # seconds until all is delivered
PRESENCE_LIMIT = 30.0  # seconds
LAST = 1_000_000  # the number of the last messages
PAGE = 100  # messages of a history


class Settlement:
    """Judges one setup; ``violations`` gather."""

    def __init__(self, topology: Topology, traffic: Traffic, journal: Journal) -> None:
        self._topology, self._traffic, self._journal = topology, traffic, journal
        self._nodes = topology.nodes
        self.violations: list[Violation] = []
        self._readers = {device.user: device for device in traffic.devices}

    async def run(self, baseline: dict[str, int]) -> None:
        """Do all of it; *baseline* has the open files of each node at its start."""
        if not await self._serve() or not await self._finish():
            self.violations += check_requests(self._journal.asked, self._journal.outages)
            return
        await self._speak_last()
        found = await self._read()
        await self._await_delivery(found)
        self.violations += check_all(self._journal, found)
        for user in USERS:
            await self._check_lists(user, found)
        await self._check_presence()
        await self._check_end(baseline)

    async def _serve(self) -> bool:
        for node in self._nodes:
            try:
                await node.serves()
            except AssertionError as e:
                self.violations.append(Violation("not ready", f"{e}: {node.log()[-1000:]}"))
        return not self.violations

    async def _finish(self) -> bool:
        """Have all devices send what they have; half of them come back on a new connection."""
        ended: Deferred[None] = Deferred.fromCoroutine(self._traffic.stop())
        try:
            await ended.addTimeout(SEND_LIMIT, reactor)
        except TimeoutError:
            for device in self._traffic.devices:
                if device.outbox or not device.is_online:
                    text = f"{device.name} has {len(device.outbox)} unsent, online: {device.is_online}"
                    self.violations.append(Violation("not acknowledged", text, device.name))
            return False
        for device in self._traffic.devices[::2]:
            device.hang_up()
        await at_once(self._traffic.finish(device) for device in self._traffic.devices)
        return True

    async def _speak_last(self) -> None:
        """Say something in each chatroom, and to each user: all that are there must hear of it."""
        for room, members in ROOMS.items():
            device = self._readers[members[-1]]
            device.write(CHATROOM, room, LAST)
        for user, other in zip(USERS, USERS[1:] + USERS[:1], strict=True):
            self._readers[user].write(PRIVATE, other, LAST)
        await at_once(self._traffic.finish(device) for device in self._traffic.devices)

    # histories and deliveries

    async def _read(self) -> Found:
        histories: dict[str, list[Item]] = {}
        for session_id in sessions_of(self._journal):
            device = self._readers[reader_of(session_id)]
            pages = [await self._history(device, node, session_id) for node in self._nodes]
            histories[session_id] = pages[0]
            if any(page != pages[0] for page in pages):
                self.violations.append(Violation("altered", f"nodes differ on {session_id}"))
        members = {chatroom_session(room): set(members) for room, members in ROOMS.items()}
        return Found(
            histories,
            {device.name: device.user for device in self._traffic.devices},
            self._topology.push_count,
            self._topology.sequences,
            members,
        )

    async def _history(self, device: Device, node: GimNode, session_id: str) -> list[Item]:
        """Return all messages of a session as a node has them, oldest first."""
        items: list[Item] = []
        more = True
        while more:
            before = f"&message_id={items[0].id}" if items else ""
            path = f"/v1/sessions/{session_id}/messages?count={PAGE}{before}"
            page = await persist(device, node, path)
            items[:0] = [Item.of(message) for message in page["items"]]
            more = page["has_more"]
        return items

    async def _await_delivery(self, found: Found) -> None:
        async def is_done() -> bool:
            missing: Iterator[Violation] = check_delivery(self._journal, found)
            if next(missing, None) is not None:
                return False
            return all(one.kind != "lost" for one in check_chatrooms(self._journal, found))

        await wait_for(is_done, DELIVERY_LIMIT)

    # lists, presence, and what is left

    async def _check_lists(self, user: str, found: Found) -> None:
        device, node = self._readers[user], self._nodes[-1]
        expected = sessions_by_user(self._journal)[user]
        optional = {chatroom_session(HALL)} if f"{user}0" in GUESTS else set()
        whole = (await persist(device, node, "/v1/sessions?count=200"))["items"]
        args = whole, expected, optional, found.histories, self._journal
        self.violations += check_list(user, *args)
        paged: list[dict[str, Any]] = []
        cursor = "?count=3"
        while cursor:
            page = await persist(device, node, f"/v1/sessions{cursor}")
            paged += page["items"]
            cursor = f"?count=3&cursor={page['cursor']}" if page["cursor"] else ""
        self.violations += check_pages(user, whole, paged)
        for session in whole:
            if session["last"]:
                await self._clear(device, session["id"], session["last"]["id"])

    async def _clear(self, device: Device, session_id: str, message_id: str) -> None:
        """Mark all as read: then nothing is unread."""
        path, body = f"/v1/sessions/{session_id}/read", {"message_id": message_id}
        data = await persist(device, self._nodes[0], path, "POST", body)
        if data["unread"] != 0:
            text = f"{session_id} of {device.user}: {data['unread']} after the newest was marked"
            self.violations.append(Violation("unread", text, device.user, session_id))

    async def _check_presence(self) -> None:
        await self._expect_online(set(USERS))
        there = set(USERS[::2])
        for device in self._traffic.devices:
            if device.user not in there:
                device.hang_up()
        await self._expect_online(there)

    async def _expect_online(self, there: set[str]) -> None:
        wrong: list[str] = []

        async def is_right() -> bool:
            wrong.clear()
            for node in self._nodes:
                for user in USERS:
                    told = await persist(self._readers[USERS[0]], node, f"/v1/users/{user}")
                    if told["online"] != (user in there):
                        wrong.append(f"node {node.name} says {user} is online: {told['online']}")
            return not wrong

        await wait_for(is_right, PRESENCE_LIMIT)
        self.violations += [Violation("presence", text) for text in wrong]

    async def _check_end(self, baseline: dict[str, int]) -> None:
        for device in self._traffic.devices:
            device.hang_up()
        sessions = set(sessions_of(self._journal))
        self.violations += await check_leftovers(self._topology, baseline, sessions, set(USERS))
        await at_once(node.stop() for node in self._nodes)
        for node in self._nodes:
            self.violations += [Violation("left behind", text) for text in node.statuses]
            self.violations += check_log(node)


async def persist(
    device: Device, node: GimNode, path: str, method: str = "GET", json: dict[str, str] | None = None
) -> Any:
    """Ask the HTTP API until it answers: all faults are healed, but reading much at once is a 429."""
    deadline = reactor.seconds() + SEND_LIMIT
    while True:
        try:
            return await device.ask_http(node, method, path, json)
        except (HungUp, Refused) as e:
            if reactor.seconds() > deadline:
                raise AssertionError(f"{path} at node {node.name}: {e}") from e
            await deferLater(reactor, PAUSE_AFTER_503)
