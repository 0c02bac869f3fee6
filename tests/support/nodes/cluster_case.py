"""Nodes, their Redis and their clients, as a test needs them."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.task import deferLater

from tests.support.daemon_process import DaemonTestCase, Process
from tests.support.nodes.client import Client, connect
from tests.support.redis.environment import HOST, PATIENCE
from tests.support.redis.proxy import Proxy
from tests.support.redis.server import RedisServer, RedisTestCase

PRIVATE, CHATROOM = 2, 1
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")  # what it acknowledged survives a SIGKILL
SLACK = 1.0  # seconds that a busy machine may add to what is promised
ANSWER = 2.0 + SLACK  # seconds until the reply to any request
RECOVERY = 2.0 + SLACK  # seconds from Redis answering again until a node serves


async def eventually(check: Callable[..., object], what: str, patience: float = PATIENCE) -> None:
    """Look every 20 ms until *check* holds; raises `AssertionError` after *patience* seconds."""
    deadline = reactor.seconds() + patience
    while not check():
        if reactor.seconds() > deadline:
            raise AssertionError(f"waited {patience} s in vain for {what}")
        await deferLater(reactor, 0.02)


class Node:
    """A gim in a child process."""

    def __init__(self, process: Process, ws: int, http: int) -> None:
        self.process = process
        self.ws = ws
        self.http = http

    @property
    def said(self) -> str:
        return self.process.output[1] + self.process.output[2]

    async def request(
        self, method: str, path: str, token: str = "", json: object = None, key: str = ""
    ) -> tuple[int, Any]:
        """Ask the HTTP API with a token, or with the administrator's key; return status and data."""
        headers: Any = {"Authorization": f"Bearer {token}"} if token else {}
        response = await treq.request(
            method,
            f"http://{HOST}:{self.http}{path}",
            json=json,
            headers=headers | ({"X-API-Key": key} if key else {}),
            persistent=False,
            timeout=PATIENCE,
        )
        return response.code, (await treq.json_content(response))["data"]

    async def status(self) -> int:
        """Return what /readyz says, which must be within the time that any answer has."""
        began = reactor.seconds()
        status, _ = await self.request("GET", "/readyz")
        took = reactor.seconds() - began
        assert took < ANSWER, f"/readyz took {took:.1f} s"
        return status

    async def becomes(self, status: int, patience: float = PATIENCE) -> None:
        """Wait until /readyz says *status*."""
        began = reactor.seconds()
        while await self.status() != status:
            waited = reactor.seconds() - began
            assert waited < patience, f"/readyz is not {status} after {waited:.1f} s: {self.said[-2000:]}"
            await deferLater(reactor, 0.02)

    def freeze(self) -> None:
        self.process.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.signal(signal.SIGCONT)

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def _end(self, number: int) -> None:
        try:
            self.process.signal(number)
        except ProcessExitedAlready:
            pass
        await eventually(lambda: self.process.exited.called, "the end of a node")


class NodesTestCase(RedisTestCase, DaemonTestCase):
    """Starts nodes and clients; at the end no node may have printed a traceback."""

    timeout = 60

    def setUp(self) -> None:
        self._nodes: list[Node] = []

    def tearDown(self) -> None:
        for number, node in enumerate(self._nodes):
            for word in ("Traceback", "Unhandled"):
                self.assertNotIn(word, node.said, f"node {number} had a fault")

    async def durable_redis(self) -> RedisServer:
        return await self.redis(*DURABLE)

    def proxy(self, server: RedisServer) -> Proxy:
        proxy = Proxy(server.port)
        self.addCleanup(proxy.stop)
        return proxy

    async def nodes(self, *urls: str, options: tuple[str, ...] = (), **environment: str) -> list[Node]:
        """Start a node for each URL of a Redis, all at once; return them when all are ready."""
        processes = [self.spawn_node("--redis-url", url, *options, **environment) for url in urls]
        return [await self.ready(process) for process in processes]

    def spawn_node(self, *options: str, **environment: str) -> Process:
        address = f"tcp:0:interface={HOST}"
        words = ("--ws", address, "--http", address, "--drain", "0", "--storage", "redis", *options)
        return self.spawn("twistd", "-n", "gim", *words, **environment)

    async def ready(self, process: Process) -> Node:
        """Return the node that a process is, when it is ready."""
        await self.listens(process)
        node = Node(process, self.ws, self.http)
        self._nodes.append(node)
        await node.becomes(200)
        return node

    async def client(  # type: ignore[override]
        self, node: Node, user_id: str = "", **more: Any
    ) -> Client:
        """Connect to a node, and log in if there is a user."""
        client = await connect(node.ws)
        self.addCleanup(client.hang_up)
        if user_id:
            await client.login(user_id, **more)
        return client

    async def clients(self, *places: tuple[Node, str]) -> list[Client]:
        """Connect and log in users, all at once."""
        works = [Deferred.fromCoroutine(self.client(*place)) for place in places]
        return await gatherResults(works, consumeErrors=True)

    async def token(self, node: Node, user_id: str) -> str:
        status, data = await node.request("POST", "/v1/login", json={"id": user_id})
        self.assertEqual(status, 200)
        return str(data["token"])
