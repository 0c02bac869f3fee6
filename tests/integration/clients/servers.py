"""The servers of a run: one gim on memory, or two on one Redis."""

from __future__ import annotations

import sys
from pathlib import Path

import treq
from twisted.python.filepath import FilePath

from tests.support.redis.environment import HOST, hold_port, until
from tests.support.redis.process import Process
from tests.support.redis.server import RedisServer
from tests.support.redis.setups import at_once

STORAGES = ("memory", "redis")
NODE_COUNTS = {"memory": 1, "redis": 2}
START_LIMIT = 60.0  # seconds until a node serves, on a busy machine
TWISTD = str(Path(sys.executable).with_name("twistd"))
OPTIONS = (
    *("--max-session-messages", "1000000", "--log-level", "info"),
    # short intervals and few messages in each, so that chatrooms have gaps
    *("--message-push-duration", "300ms", "--message-push-count", "5"),
    # so low that what waited in an outbox meets a 429
    *("--max-send-rate", "30"),
)


class Node(Process):
    """A gim with ports of its own, which it has again after a restart."""

    def __init__(self, directory: FilePath[str], name: str, options: tuple[str, ...]) -> None:
        super().__init__(directory)
        self.name = name
        self._options = options
        self._holders = hold_port(), hold_port()
        self.ws, self.http = (holder.getsockname()[1] for holder in self._holders)

    async def start(self) -> None:
        """Start it; return when it serves."""
        addresses = [f"tcp:{port}:interface={HOST}" for port in (self.ws, self.http)]
        words = (TWISTD, "-n", "--pidfile=", "gim", "--ws", addresses[0], "--http", addresses[1])
        self.spawn((*words, *self._options), {})
        await until(self._is_ready, f"node {self.name} to serve", START_LIMIT, pause=0.05)

    async def _is_ready(self) -> bool:
        assert self.running, f"node {self.name} has ended: {self.log()[-2000:]}"
        url = f"http://{HOST}:{self.http}/readyz"
        try:
            response = await treq.get(url, persistent=False, timeout=5)
            await response.content()
        except Exception:
            return False
        return bool(response.code == 200)

    def terminate(self) -> None:
        """SIGTERM: it drains and ends."""
        self._child.transport.signalProcess("TERM")

    async def give_up(self) -> None:
        """Kill it, and let its ports go."""
        self.kill()
        await self.ended()
        for holder in self._holders:
            holder.close()


class Servers:
    """The nodes, and their Redis if there is one."""

    def __init__(
        self, storage: str, directory: FilePath[str], options: tuple[str, ...] = OPTIONS
    ) -> None:
        self.redis = RedisServer(directory.child("redis")) if storage == "redis" else None
        if self.redis is not None:
            options += ("--storage", "redis", "--redis-url", self.redis.url)
        names = "ab"[: NODE_COUNTS[storage]]
        self.nodes = [Node(directory.child(f"node-{name}"), name, options) for name in names]

    async def start(self) -> None:
        """Start all; return when they serve."""
        if self.redis is not None:
            await self.redis.start()
        await at_once(node.start() for node in self.nodes)

    async def stop(self) -> None:
        """End all."""
        await at_once(node.give_up() for node in self.nodes)
        if self.redis is not None:
            await self.redis.stop()
