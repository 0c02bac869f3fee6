"""A WebSocket client that asks and listens at the same time."""

from __future__ import annotations

import json
from typing import Any, cast

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from msgspec import Struct
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import HostnameEndpoint

from tests.support.redis.environment import HOST, PATIENCE

PUSH, EVENT = 207, 213


class HungUp(Exception):
    """The connection is gone."""


class Answer(Struct, frozen=True):
    """A reply: its code, its data, when it came, and what it says; times are in seconds."""

    code: int
    data: Any
    at: float
    took: float
    text: str = ""


class Client(WebSocketClientProtocol):
    """One connection. Replies are matched by ``seq``; pushes gather in ``pushes``."""

    transport: Any

    def __init__(self) -> None:
        super().__init__()
        self.user_id = ""
        self.port = 0  # of the gateway that it is connected to
        self.pushes: list[Any] = []
        self.answered: list[int] = []  # the seqs of replies, in the order of their coming
        self.events: list[Any] = []
        self.close_code: int | None = None  # None while it is open
        self.opened: Deferred[Client] = Deferred()
        self.gone: Deferred[None] = Deferred()
        self._asked: dict[int, tuple[float, Deferred[Answer]]] = {}
        self._count = 0

    # what a test does

    async def attempt(self, op: int, **body: Any) -> Answer:
        """Send a request and wait for its reply. Raises `HungUp`."""
        if self.state != self.STATE_OPEN:  # it may be closing
            raise HungUp(self.user_id)
        self._count += 1
        answered: Deferred[Answer] = Deferred()
        self._asked[self._count] = (reactor.seconds(), answered)
        self.sendMessage(json.dumps({"op": op, "body": body, "seq": self._count}).encode())
        return await answered.addTimeout(PATIENCE, reactor)

    async def ask(self, op: int, **body: Any) -> Any:
        """Do the same; return the data of a reply that must be a success."""
        answer = await self.attempt(op, **body)
        assert answer.code == 0, (self.user_id, op, body, answer)
        return answer.data

    async def login(self, user_id: str, **more: Any) -> Any:
        self.user_id = user_id
        return await self.ask(101, id=user_id, **more)

    async def send(self, kind: int, target_id: str, content: str, **more: Any) -> Any:
        return await self.ask(201, type=kind, target_id=target_id, content=content, **more)

    def hang_up(self) -> Deferred[None]:
        """Drop the connection; fire when nothing is left of it."""
        self.transport.abortConnection()
        return self.gone

    # what it got

    def items(self, session_id: str = "") -> list[Any]:
        """Return the messages pushed so far, in the order of their coming."""
        return [
            item
            for push in self.pushes
            for item in push["items"]
            if session_id in ("", push["session"]["id"])
        ]

    def contents(self, session_id: str = "") -> list[str]:
        return [item["content"] for item in self.items(session_id)]

    def skipped(self, session_id: str) -> int:
        return sum(push["skipped"] for push in self.pushes if push["session"]["id"] == session_id)

    # what Autobahn calls

    def onOpen(self) -> None:
        self.opened.callback(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        packet = json.loads(payload)
        body = json.loads(packet["body"])
        if packet["op"] == PUSH:
            self.pushes.append(body)
            return
        if packet["op"] == EVENT:
            self.events.append(body)
            return
        asked_at, answered = self._asked.pop(packet["seq"])
        self.answered.append(packet["seq"])
        now = reactor.seconds()
        answered.callback(Answer(body["code"], body["data"], now, now - asked_at, body["msg"]))

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.close_code = code or 1006

    def connectionLost(self, reason: Any = None) -> None:
        super().connectionLost(reason)
        self.close_code = self.close_code or 1006
        asked, self._asked = self._asked, {}
        for _, answered in asked.values():
            answered.errback(HungUp(self.user_id))
        self.gone.callback(None)


async def connect(port: int) -> Client:
    """Return a client that is connected to a gateway. Raises `HungUp` if that ends before it is."""
    factory = WebSocketClientFactory(f"ws://{HOST}:{port}")
    factory.noisy = False
    factory.protocol = Client
    factory.setProtocolOptions(openHandshakeTimeout=PATIENCE)  # a process may stand still meanwhile
    client: Any = await HostnameEndpoint(reactor, HOST, port).connect(factory)
    either = DeferredList([client.opened, client.gone], fireOnOneCallback=True)
    await either.addTimeout(PATIENCE, reactor)
    if not client.opened.called:
        raise HungUp(port)
    client.port = port
    return cast(Client, client)
