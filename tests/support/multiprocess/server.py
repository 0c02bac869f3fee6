"""A server with worker processes, as a test needs it."""

from __future__ import annotations

import os
import signal
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.support.daemon_process import DaemonTestCase, Process, workers_in
from tests.support.multiprocess.processes import cpu_of, runs, worker_at, workers_of
from tests.support.nodes.client import Client, connect
from tests.support.nodes.cluster_case import Node, eventually
from tests.support.redis.environment import HOST

FAULTS = ("Traceback", "Unhandled")  # words of a log that tell of one


class Server(Node):
    """A parent and its workers."""

    @property
    def pid(self) -> int:
        """The pid of the parent."""
        return int(self.process.transport.pid)

    @property
    def workers(self) -> dict[int, int]:
        """The pids of the workers that run, by number."""
        return workers_of(self.pid)

    def signal_worker(self, number: int, sign: int) -> int:
        """Send a signal to a worker; return its pid."""
        pid = self.workers[number]
        os.kill(pid, sign)
        return pid

    async def kill_worker(self, number: int) -> int:
        """SIGKILL a worker; return its pid when the process is gone."""
        pid = self.signal_worker(number, signal.SIGKILL)
        await eventually(lambda: not runs(pid), f"the end of worker {number}")
        return pid

    async def is_started_again(self, number: int, former: int) -> float:
        """Wait for the next process in the place of *former*; return the seconds that this took."""
        began = reactor.seconds()
        await eventually(
            lambda: self.workers.get(number, former) != former, f"another process of worker {number}"
        )
        return reactor.seconds() - began

    async def is_back(self, number: int, former: int) -> float:
        """Wait until another process is ready in the place of *former*.

        Returns the seconds of CPU time that its start has taken. Those of a clock depend on what else the
        machine has to do.
        """
        await eventually(lambda: workers_in(self.said)[number] != former, f"worker {number} to be back")
        return cpu_of(workers_in(self.said)[number])

    def worker_of(self, client: Client) -> int:
        """Return the number of the worker that serves a connection."""
        return worker_at(client.transport.getHost().port, self.workers)

    async def is_online(self, user_id: str) -> bool:
        """Ask the HTTP API, as a user who is not connected."""
        _, login = await self.request("POST", "/v1/login", json={"id": "observer"})
        status, user = await self.request("GET", f"/v1/users/{user_id}", login["token"])
        assert status == 200, (user_id, status)
        return bool(user["online"])

    async def goes(self, online: bool, *user_ids: str, patience: float = 20.0) -> None:
        """Wait until all of some users are online, or offline."""
        deadline = reactor.seconds() + patience
        for user_id in user_ids:
            while await self.is_online(user_id) != online:
                assert reactor.seconds() < deadline, f"{user_id} is online: {not online}"
                await deferLater(reactor, 0.05)


class WorkersTestCase(DaemonTestCase):
    """Starts servers and clients. At the end no log may tell of a fault."""

    timeout = 90
    worker_count = 2

    def setUp(self) -> None:
        self._servers: list[Server] = []

    def tearDown(self) -> None:
        for server in self._servers:
            for word in FAULTS:
                self.assertNotIn(word, server.said)

    async def server(self, *options: str, **environment: str) -> Server:
        """Start a server; return it when all workers are ready."""
        return await self.listening(self.launch(*options, **environment))

    def launch(self, *options: str, **environment: str) -> Process:
        """Start a parent."""
        address = f"tcp:0:interface={HOST}"
        words = ("--ws", address, "--http", address, "--drain", "0", *options)
        return self.spawn("twistd", "-n", "gim", *words, **environment)

    async def listening(self, process: Process) -> Server:
        """Return the server of a parent when all of its workers are ready."""
        await self.listens(process)
        server = Server(process, self.ws, self.http)
        self._servers.append(server)
        return server

    async def at(self, server: Server, user_id: str = "", **more: Any) -> Client:
        """Return a client that is connected, and logged in if there is a user."""
        client = await connect(server.ws)
        self.addCleanup(client.hang_up)
        if user_id:
            await client.login(user_id, **more)
        return client

    async def spread(self, server: Server, *user_ids: str) -> dict[int, list[Client]]:
        """Log in users one after the other; return their clients by worker."""
        found: dict[int, list[Client]] = {number: [] for number in server.workers}
        for user_id in user_ids:
            client = await self.at(server, user_id)
            found[server.worker_of(client)].append(client)
        return found
