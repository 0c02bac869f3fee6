"""A device as docs/protocol.md would have it: it repeats sends, and comes back with since and epoch."""

from __future__ import annotations

from collections import deque
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.integration.chaos import journal as op
from tests.integration.chaos.codecs import Codec, Packet
from tests.integration.chaos.connection import Connection, HungUp, connect, http
from tests.integration.chaos.journal import NO_MESSAGE, Item, Journal, Letter, Push, Visit
from tests.integration.chaos.topology import GimNode
from tests.support.redis.environment import HOST

PAUSE_AFTER_503 = 0.1  # seconds
HTTP_SHARE = 0.2  # of all sends
LONGEST_PAUSE = 1.0  # seconds between two attempts to connect


class Refused(Exception):
    """A reply says that the request may be repeated."""


class Device:
    """One device of a user: what it keeps over all its connections."""

    def __init__(
        self, name: str, user: str, codec: Codec, nodes: list[GimNode], journal: Journal, dice: Random
    ) -> None:
        self.name, self.user, self.codec = name, user, codec
        self.nodes, self.journal, self.dice = nodes, journal, dice
        self.connection: Connection | None = None
        self.visit: Visit | None = None
        self.outbox: deque[Letter] = deque()
        self.acknowledged: list[Letter] = []  # in the order of their acknowledgements
        self.newest: dict[str, str] = {}  # id of the newest message by session, pushed or sent
        self.since, self.epoch = NO_MESSAGE, ""
        self._tokens: dict[str, str] = {}  # for the HTTP API, by node

    # coming and going

    @property
    def is_online(self) -> bool:
        return self.visit is not None and self.visit.answered_at is not None

    async def come(self) -> None:
        """Connect to any node and log in; try until it works."""
        pause = 0.05
        while not self.is_online:
            try:
                if self.connection is None:
                    await self._connect()
                await self.login()
            except (HungUp, Refused):
                await deferLater(reactor, pause * self.dice.uniform(0.5, 1))
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _connect(self) -> None:
        node = self.dice.choice(self.nodes)
        number = self.dice.randrange(len(node.relays))
        path = (node.name, f"{node.name}/{number}", "machine")
        connection = await connect(node.relays[number].port, self.name, path, self.codec, self.journal)
        self.connection, self._node = connection, node
        connection.heard, connection.lost = self._hear, self._lose
        connection.replied = self._take_seq
        if connection.is_gone:
            self._lose()

    async def login(self) -> None:
        """Log in with since and epoch. Raises `HungUp` or `Refused`."""
        if self.connection is None:
            raise HungUp("no connection")
        point = {"since": self.since, "epoch": self.epoch} if self.epoch else {}
        visit = Visit(self.name, self.user, self._node.name, reactor.seconds(), point.get("since", ""))
        self.visit = visit
        self.journal.visits.append(visit)
        try:
            data = await self.ask(op.LOGIN, id=self.user, **point)
        except (Refused, HungUp):
            self._end_visit()
            raise
        visit.answered_at = reactor.seconds()
        visit.epoch, visit.missed, visit.recovered = data["epoch"], data["missed"], data["recovered"]
        self.epoch = visit.epoch
        self._note("", f"logged in at {visit.node}, since {visit.since}, missed {visit.missed}")
        if not visit.recovered:
            await self._load()

    async def logout(self) -> None:
        """End the login, and keep the connection. Raises `HungUp` or `Refused`."""
        await self.ask(op.LOGOUT)
        self._end_visit()

    def hang_up(self) -> None:
        """Drop the connection without a word."""
        if self.connection is not None:
            connection = self.connection
            self._lose()
            connection.lost = lambda: None
            connection.hang_up()

    def _lose(self) -> None:
        self._note("", f"connection lost, {self.connection and self.connection.close_code}")
        self.connection = None
        self._end_visit()

    def _end_visit(self) -> None:
        if self.visit is not None:
            self.visit.ended_at = reactor.seconds()
            self.visit = None

    # requests

    async def ask(self, code: int, **body: Any) -> Any:
        """Return the data of a reply. Raises `HungUp`, and `Refused` after a 503 or 429."""
        if self.connection is None:
            raise HungUp("no connection")
        packet = await self.connection.ask(code, **body)
        if packet.code:
            raise Refused(f"op {code}: {packet.code} {packet.message}")
        return packet.data

    async def ask_http(self, node: GimNode, method: str, path: str, json: Any = None) -> Any:
        """Return the data of an answer. Raises `HungUp` and `Refused` likewise."""
        if node.name not in self._tokens:
            login = await self._http(node, "POST", "/v1/login", json={"id": self.user})
            self._tokens[node.name] = login["token"]
        return await self._http(node, method, path, self._tokens[node.name], json)

    async def _http(
        self, node: GimNode, method: str, path: str, token: str = "", json: Any = None
    ) -> Any:
        way = (node.name, f"{node.name}/http", "machine")
        url = f"http://{HOST}:{node.http_relay.port}{path}"
        status, data = await http(self.journal, self.name, way, method, url, token, json)
        if status == 401:
            self._tokens.pop(node.name, None)
        if status != 200:
            raise Refused(f"{method} {path}: {status}")
        return data

    # sending

    def write(self, kind: int, target: str, number: int) -> Letter:
        """Put a new message into the outbox."""
        content = f"{self.name} to {target}, {number}" + " ☺" * self.dice.choice((0, 0, 3, 200))
        request_id = f"{self.name} {number}"
        letter = Letter(content, request_id, self.name, self.user, kind, target, reactor.seconds())
        self.journal.letters[content] = letter
        self.outbox.append(letter)
        return letter

    async def flush(self) -> None:
        """Send what is in the outbox, each until it is acknowledged. Raises `HungUp`."""
        while self.outbox:
            try:
                await self.send(self.outbox[0])
                self.outbox.popleft()
            except Refused:
                await deferLater(reactor, PAUSE_AFTER_503)

    async def send(self, letter: Letter) -> None:
        """Try once, over the WebSocket or HTTP. Raises `HungUp` and `Refused`."""
        by_http = self.visit is None or self.dice.random() < HTTP_SHARE
        if not letter.answers:
            letter.ways.add(self.visit.key if self.visit and not by_http else op.HTTP)
        if by_http:
            data = await self.ask_http(self.dice.choice(self.nodes), "POST", "/v1/messages", letter.body)
        else:
            data = await self.ask(op.SEND, **letter.body)
        if not letter.answers:
            self.acknowledged.append(letter)
        self.journal.acknowledge(letter, data, reactor.seconds())
        self._note(letter.session_id, f"acknowledged {data['id']} {letter.content[:60]!r}")

    # what comes

    def _take_seq(self, seq: int) -> None:
        if self.visit is not None:
            self.visit.seqs.append(seq)

    def _hear(self, packet: Packet) -> None:
        if packet.op != op.PUSH or self.visit is None:
            return
        items = [Item.of(message) for message in packet.data["items"]]
        session_id = packet.data["session"]["id"]
        push = Push(reactor.seconds(), session_id, items, packet.data["skipped"])
        self.visit.pushes.append(push)
        if items:
            self.newest[session_id] = max(items[-1].id, self.newest.get(session_id, ""))
        if session_id[0] == "2":
            self.since = max(self.since, *(item.id for item in items))
        ids = " ".join(item.id for item in items)
        self._note(session_id, f"pushed [{ids}] skipped {push.skipped}")

    async def _load(self) -> None:
        """Read the history of all private sessions, as a login said that something is missing."""
        loaded = self.journal.loaded.setdefault(self.name, set())
        sessions = await self.ask(op.SESSIONS, count=200, session_type=op.PRIVATE)
        for session in sessions["items"]:
            before: dict[str, Any] = {}
            more = True
            while more:
                page = await self.ask(op.HISTORY, session_id=session["id"], count=100, **before)
                loaded |= {message["id"] for message in page["items"]}
                more = page["has_more"]
                before = {"message_id": page["items"][0]["id"]} if page["items"] else {}

    async def mark_read(self, session_id: str) -> None:
        """Mark the newest message that it has as read. Raises `HungUp` and `Refused`."""
        if message_id := self.newest.get(session_id):
            read = self.journal.read.setdefault((self.user, session_id), {})
            read.setdefault(message_id, False)
            await self.ask(op.MARK_READ, session_id=session_id, message_id=message_id)
            read[message_id] = True

    async def recall(self, letter: Letter) -> None:
        """Take back a message that was acknowledged. Raises `HungUp` and `Refused`."""
        message_id = letter.answers[0]["id"]
        self.journal.recalled.setdefault(message_id, False)
        await self.ask(op.RECALL, session_id=letter.session_id, message_id=message_id)
        self.journal.recalled[message_id] = True
        self._note(letter.session_id, f"recalled {message_id}")

    def _note(self, session_id: str, text: str) -> None:
        self.journal.note(reactor.seconds(), self.name, session_id, text)
