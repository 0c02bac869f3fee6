"""What a run is made of: nodes of gim, the relays before and behind them, and their Redis."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from random import Random
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.python.filepath import FilePath

from tests.integration.chaos.plan import DURABLE
from tests.support.disk.failing_disk import FailingDisk
from tests.support.multiprocess.processes import runs, workers_of
from tests.support.redis.environment import HOST, hold_port, move_clock, skew_library, until
from tests.support.redis.process import Process
from tests.support.redis.proxy import Proxy
from tests.support.redis.server import RedisServer
from tests.support.redis.setups import NAME, ClusterSetup, SentinelSetup, at_once

NODE_COUNTS = {"plain": 2, "aof": 3, "sentinel": 2, "cluster": 3}  # by setup, else one
SYNCED_ALWAYS = "--sync=always"
WORKER_COUNTS = {"workers": 3, "redis-workers": 2}  # of a node, by setup, else it is one process
RELAYS = 2  # in front of each gateway, so that a fault meets some of its clients
OPEN_FILES = 256  # of a process
START_LIMIT = 60.0  # seconds until a node serves, on a busy machine
STOP_LIMIT = 30.0  # seconds until a node has ended
SYNCED_AOF = ("--appendonly", "yes", "--appendfsync", "always")  # what it acknowledged survives a SIGKILL
SILENCE_MS = 3000  # after which a server of Redis is replaced
TWISTD = str(Path(sys.executable).with_name("twistd"))


class GimNode(Process):
    """A gim with ports of its own, which it has again after a restart."""

    def __init__(
        self, directory: FilePath[str], name: str, options: tuple[str, ...], worker_count: int = 1
    ) -> None:
        super().__init__(directory)
        self.name, self.worker_count = name, worker_count
        self.options = options + (("--gateway-worker", str(worker_count)) if worker_count > 1 else ())
        self.disk: FailingDisk | None = None  # that its data are on, if they are on any
        self._holders = hold_port(), hold_port()
        self.ws, self.http = (holder.getsockname()[1] for holder in self._holders)
        self.relays = [Proxy(self.ws) for _ in range(RELAYS)]
        self.http_relay = Proxy(self.http)
        self.to_redis: Proxy | None = None
        self.statuses: list[str] = []  # how runs that were asked to stop have ended, if badly

    @property
    def _skew(self) -> str:
        return self.directory.child("skew").path

    def keep_data(self) -> None:
        """Let it have a data directory."""
        data, beside = self.directory.child("data"), self.directory.child("disk")
        for directory in data, beside:
            directory.makedirs()
        data.chmod(0o700)
        self.disk = FailingDisk(data, beside)
        self.options += ("--data-dir", os.path.abspath(data.path), "--segment-size", "1MiB")

    def step_clock(self, seconds: float) -> None:
        """Set its wall clock, back if negative."""
        move_clock(self._skew, seconds)

    async def start(self) -> None:
        """Start it; return when it serves.

        As under systemd, it is started again if it ends meanwhile: it does if Redis is away for long.
        """
        self.step_clock(0)
        await until(self._is_up, f"node {self.name} to start", START_LIMIT, pause=0.1)

    async def _is_up(self) -> bool:
        if not self.running:
            self._run()
        return await self._is_ready()

    def _run(self) -> None:
        shell = ("sh", "-c", f'ulimit -n {OPEN_FILES} && exec "$@"', "sh")
        addresses = [f"tcp:{port}:interface={HOST}" for port in (self.ws, self.http)]
        words = (TWISTD, "-n", "--pidfile=", "gim", "--ws", addresses[0], "--http", addresses[1])
        disk = self.disk.environment if self.disk is not None else {}
        libraries = [os.path.abspath(skew_library()), *filter(None, [disk.get("LD_PRELOAD")])]
        environment = disk | {"LD_PRELOAD": ":".join(libraries), "TEST_SKEW": self._skew}
        self.spawn((*shell, *words, *self.options), environment)

    async def serves(self) -> None:
        """Wait until /readyz is a 200. Raises `AssertionError` also if it has ended."""
        await until(self._still_serves, f"node {self.name} to serve", START_LIMIT, pause=0.1)

    async def _still_serves(self) -> bool:
        assert self.running, f"node {self.name} has ended: {self.log()[-2000:]}"
        return await self._is_ready()

    async def _is_ready(self) -> bool:
        try:
            url = f"http://{HOST}:{self.http}/readyz"
            response = await treq.get(url, persistent=False, timeout=5)
            await response.content()
            return bool(response.code == 200)
        except Exception:
            return False

    async def stop(self) -> None:
        """End it in order, as an operator does."""
        workers = self.workers
        if self.running:
            self.thaw()
            self._child.transport.signalProcess("TERM")
            deadline = reactor.seconds() + STOP_LIMIT
            while self.running and reactor.seconds() < deadline:
                await deferLater(reactor, 0.05)
        if self.running:
            self.statuses.append(f"node {self.name} runs {STOP_LIMIT} s after SIGTERM")
            self.kill()
        await self.ended()
        left = [str(pid) for pid in workers.values() if runs(pid)]
        self.statuses += [f"node {self.name} has ended, but not its workers {left}"] if left else []

    @property
    def workers(self) -> dict[int, int]:
        """The pids of its workers, by number."""
        return workers_of(self.pid) if self.running else {}

    @property
    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    @property
    def pid(self) -> int:
        return int(self._child.transport.pid)

    async def give_up(self) -> None:
        """Kill it, and end its relays."""
        self.kill()
        await self.ended()
        relays = [*self.relays, self.http_relay, *([self.to_redis] if self.to_redis else [])]
        await at_once(relay.stop() for relay in relays)
        for holder in self._holders:
            holder.close()


class Topology:
    """One of the setups: its nodes and its Redis."""

    def __init__(self, name: str, directory: FilePath[str], dice: Random) -> None:
        self.name = name
        self._directory = directory
        self.sequences = dice.random() < 0.7
        self.push_count = dice.choice((10, 10, 3, 0))
        self.push_duration_ms = dice.choice((100, 300, 1000))
        self.sync, self.workers = "", WORKER_COUNTS.get(name, 1)
        if name == DURABLE:
            self.sync, self.workers = dice.choice(("--sync=1s", SYNCED_ALWAYS)), dice.choice((1, 2))
        self.redis: Any = None  # None, `RedisServer`, `SentinelSetup` or `ClusterSetup`
        self.nodes: list[GimNode] = []

    @property
    def options(self) -> tuple[str, ...]:
        return (
            *("--message-push-count", str(self.push_count)),
            *("--message-push-duration", f"{self.push_duration_ms}ms"),
            *("--max-session-messages", "1000000", "--drain", "1", "--log-level", "info"),
            *(("--enable-message-sequence",) if self.sequences else ()),
        )

    async def start(self) -> None:
        """Start Redis and all nodes; return when they serve."""
        await self._start_redis()
        for number in range(NODE_COUNTS.get(self.name, 1)):
            name = "abc"[number]
            directory = self._directory.child(f"node-{name}")
            relay = Proxy(self.redis.port) if isinstance(self.redis, RedisServer) else None
            node = GimNode(directory, name, self.options + self._storage(relay), self.workers)
            if self.sync:
                node.keep_data()
            node.to_redis = relay
            self.nodes.append(node)
        await at_once(node.start() for node in self.nodes)

    async def _start_redis(self) -> None:
        directory = self._directory.child("redis")
        if self.name in ("plain", "redis-workers"):
            self.redis = RedisServer(directory, skewed=True)
        elif self.name == "aof":
            self.redis = RedisServer(directory, *SYNCED_AOF, skewed=True)
        elif self.name == "sentinel":
            self.redis = SentinelSetup(directory)
        elif self.name == "cluster":
            self.redis = ClusterSetup(directory)
        if self.redis is not None:
            await self.redis.start()
        await self.wait_longer()

    def _storage(self, relay: Proxy | None) -> tuple[str, ...]:
        if self.redis is None:
            return (self.sync,) if self.sync else ()
        url = self.redis.url
        if relay is not None:
            url = url.replace(f":{self.redis.port}/", f":{relay.port}/")
        return ("--storage", "redis", "--redis-url", url)

    async def wait_longer(self) -> None:
        """See that no master is replaced because a busy machine did not run it for a second or two.

        It would go on to acknowledge what is lost when it becomes a replica.
        """
        if self.name == "sentinel":
            await self.redis.elect_at_once()
            for sentinel in self.redis.sentinels[:2]:
                await sentinel.do("SENTINEL", "SET", NAME, "down-after-milliseconds", SILENCE_MS)
        elif self.name == "cluster":
            for server in self.redis.servers:
                await server.do("CONFIG", "SET", "cluster-node-timeout", SILENCE_MS)

    async def masters(self) -> list[RedisServer]:
        """Return the servers that take writes."""
        if self.name == "sentinel":
            return [self.redis.master]
        if self.name == "cluster":
            ports = sorted(set((await self.redis.well()[0].owners()).values()))
            return [self.redis.at(port) for port in ports]
        return [] if self.redis is None else [self.redis]

    async def stop(self) -> None:
        """Kill what still runs."""
        await at_once(node.give_up() for node in self.nodes)
        if self.redis is not None:
            await self.redis.stop()
