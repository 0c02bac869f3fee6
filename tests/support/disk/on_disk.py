"""A daemon with a data directory whose disk fails when a test says so."""

from __future__ import annotations

import os
import signal
from typing import Any

import treq
from twisted.python.filepath import FilePath

from tests.support.daemon_process import DaemonTestCase, Process, until_gone, workers_in
from tests.support.disk.failing_disk import MISSING, FailingDisk
from tests.support.nodes.client import Client, connect
from tests.support.nodes.cluster_case import PRIVATE, Node
from tests.support.redis.environment import HOST, PATIENCE

HISTORY = 203
OPTIONS = ("--drain", "0", "--enable-message-sequence", "--segment-size", "1MiB")


class OnDisk(Node):
    """A gim with a data directory."""

    async def post(self, path: str, token: str, body: Any) -> tuple[int, str]:
        """Send a request; return the status and what the answer says."""
        headers: Any = {"Authorization": f"Bearer {token}"}
        url = f"http://{HOST}:{self.http}{path}"
        response = await treq.post(url, json=body, headers=headers, persistent=False, timeout=PATIENCE)
        return response.code, (await treq.json_content(response))["msg"]

    async def reason(self) -> str:
        """Return why it can't serve, as /readyz says; "" if it can."""
        status, data = await self.request("GET", "/readyz")
        return "" if status == 200 else data["reason"]


class OnDiskTestCase(DaemonTestCase):
    """Starts daemons on ``data``, a directory on ``disk``."""

    skip = MISSING
    timeout = 120
    starts_afresh = True  # the disk is loaded with the program
    script: tuple[str, ...] = ("twistd", "-n", "gim")

    def setUp(self) -> None:
        self.data = self.fresh_directory()
        self.disk = FailingDisk(self.data, self.fresh_directory())
        self.environment = self.disk.environment

    def fresh_directory(self) -> FilePath[str]:
        directory = FilePath(os.path.abspath(self.mktemp()))
        directory.makedirs()
        directory.chmod(0o700)
        return directory

    def launch(self, *options: str) -> Process:
        """Start a daemon; return at once."""
        address = f"tcp:0:interface={HOST}"
        words = ("--ws", address, "--http", address, "--data-dir", self.data.path, *OPTIONS, *options)
        return self.spawn(*self.script, *words, **self.environment)

    async def serve(self, *options: str) -> OnDisk:
        """Start a daemon; return when it serves."""
        node = await self.accept(*options)
        await node.becomes(200)
        return node

    async def accept(self, *options: str) -> OnDisk:
        """Start a daemon; return when it takes connections, which are served when it serves."""
        process = self.launch(*options)
        await self.listens(process)
        return OnDisk(process, self.ws, self.http)

    async def at(self, node: OnDisk, user_id: str, **more: Any) -> Client:
        """Return a client that is logged in."""
        client, _ = await self.comes(node, user_id, **more)
        return client

    async def comes(self, node: OnDisk, user_id: str, **more: Any) -> tuple[Client, dict[str, Any]]:
        """Log in with a new client; return it, and the data of the reply."""
        client = await connect(node.ws)
        self.addCleanup(client.hang_up)
        return client, await client.login(user_id, **more)

    async def kill(self, node: OnDisk) -> None:
        """SIGKILL it; return when it is gone with its workers."""
        node.process.signal(signal.SIGKILL)
        await node.process.exited
        for pid in workers_in(node.process.output[1]).values():
            await until_gone(pid)

    async def refuses(self, *options: str) -> str:
        """Start a daemon that must end with status 1; return the one line of stderr that says why."""
        process = self.launch(*options)
        status = await process.exited
        said = process.output[1] + process.output[2]
        self.assertEqual(status, 1, said)
        self.assertNotIn("Traceback", said)
        self.assertRegex(process.output[2], r"\Agim: .*\n\Z")
        return process.output[2]

    async def send(self, client: Client, content: str) -> dict[str, Any]:
        """Send to bob, which must succeed; return the message."""
        sent: dict[str, Any] = await client.send(PRIVATE, "bob", content, request_id=content[:64])
        return {**sent, "content": content}

    async def history(self, client: Client) -> list[dict[str, Any]]:
        """Return up to 100 messages between ann and bob: id, sequence and content of each."""
        page = await client.ask(HISTORY, session_id="2:ann:bob", count=100)
        return [brief(item) for item in page["items"]]


def brief(item: dict[str, Any]) -> dict[str, Any]:
    """Return what of a message is the same in its reply, its pushes and the history."""
    return {name: item[name] for name in ("id", "sequence", "content")}
