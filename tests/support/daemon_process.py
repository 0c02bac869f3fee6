"""gim as a user runs it: ``twistd`` in a child process, real sockets, a real WebSocket client."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from typing import Any, TypeVar, overload

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath
from twisted.trial.unittest import TestCase

from tests.support.forked_process import fork_server
from tests.support.multiprocess.processes import runs

PATIENCE = 20.0  # seconds until a test gives up waiting for what should come at once
SCRIPTS = FilePath(sys.executable).parent()
SHELL = "import os, sys; os.execv('/bin/sh', ['sh', '-c', sys.argv[1]])"  # for python -c
READY = re.compile(r"worker (\d+) \(pid (\d+)\) is ready")  # in the log
PYTHON_SCRIPTS = ("twistd", "twist", "gim", "gim-token")
ENVIRONMENT = {"PYTHONWARNINGS": "error::SyntaxWarning"}

AnyClient = TypeVar("AnyClient", bound="Client")


def workers_in(log: str) -> dict[int, int]:
    """Return the pids of the workers that were started last, by number."""
    return {int(number): int(pid) for number, pid in READY.findall(log)}


async def until_gone(pid: int) -> None:
    """Wait until a process has ended. A dead orphan may wait for seconds until the system reaps it."""
    for _ in range(int(PATIENCE / 0.01)):
        if not runs(pid):
            return
        await deferLater(reactor, 0.01)
    raise AssertionError(f"process {pid} goes on")


class Process(ProcessProtocol):
    """A child process: its output by stream, and a Deferred for what it says or how it ends."""

    transport: Any

    def __init__(self) -> None:
        self.output = {1: "", 2: ""}
        self.exited: Deferred[int | None] = Deferred()  # the exit status, None for a signal
        self._waiting: list[tuple[re.Pattern[str], Deferred[re.Match[str]]]] = []

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self.output[childFD] += data.decode("utf-8", "replace")
        for pattern, deferred in tuple(self._waiting):
            if found := pattern.search(self.output[1]):
                self._waiting.remove((pattern, deferred))
                deferred.callback(found)

    def processEnded(self, reason: Failure) -> None:
        for _, deferred in self._waiting:
            deferred.errback(AssertionError(f"it ended: {self.output}"))
        ended: Any = reason.value
        status = 0 if reason.check(ProcessDone) else ended.exitCode
        self.exited.callback(status)

    def says(self, pattern: str) -> Deferred[re.Match[str]]:
        """Wait until the standard output holds *pattern*."""
        deferred: Deferred[re.Match[str]] = Deferred()
        if found := re.search(pattern, self.output[1]):
            deferred.callback(found)
        else:
            self._waiting.append((re.compile(pattern), deferred))
        return deferred.addTimeout(PATIENCE, reactor)

    def signal(self, number: int) -> None:
        self.transport.signalProcess(number)


class Client(WebSocketClientProtocol):
    """A client whose packets, bodies decoded, can be waited for."""

    transport: Any

    def __init__(self) -> None:
        super().__init__()
        self.opened: Deferred[Client] = Deferred()
        self.closed: Deferred[int | None] = Deferred()
        self.reason: str | None = None  # of the close
        self.gone: Deferred[None] = Deferred()
        self.texts: DeferredQueue[str] = DeferredQueue()

    def onOpen(self) -> None:
        self.opened.callback(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.texts.put(payload.decode())

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.reason = reason
        self.closed.callback(code)

    def connectionLost(self, reason: Any = None) -> None:
        super().connectionLost(reason)
        self.gone.callback(None)

    def next(self) -> Deferred[str]:
        """Wait for the next message, as text."""
        return self.texts.get().addTimeout(PATIENCE, reactor)

    def say(self, text: str) -> None:
        self.sendMessage(text.encode())

    def request(self, op: int, **body: Any) -> None:
        """Send a request."""
        self.say(json.dumps({"op": op, "body": body}))

    async def packet(self) -> Any:
        """Wait for the next packet, its body decoded."""
        packet = json.loads(await self.next())
        return {**packet, "body": json.loads(packet["body"])}

    async def ask(self, op: int, **body: Any) -> Any:
        """Send a request; return the data of its reply, which must be a success."""
        self.request(op, **body)
        packet = await self.packet()
        assert (packet["op"], packet["body"]["code"]) == (op + 1, 0), packet
        return packet["body"]["data"]


class DaemonTestCase(TestCase):
    """Starts processes and clients, and sees to it that all of them end."""

    timeout = 60
    starts_afresh = False  # whether Python starts anew for each script, as it does for a user
    open_files: tuple[int, int] | None = None  # a script that is forked may open: soft and hard limit
    handshake_path = ""
    worker_count = 1  # processes of gim that serve clients, unless a test says otherwise

    def spawn(self, *words: str, **environment: str) -> Process:
        """Start a script of this environment, or the program with an absolute path.

        It is killed at the end of the test if need be.
        """
        process = Process()
        self.directory = FilePath(self.mktemp())
        self.directory.makedirs()
        words = (os.path.join(SCRIPTS.path, words[0]), *words[1:])
        variables = os.environ | ENVIRONMENT | self.workers_in_environment() | environment
        if self.starts_afresh or os.path.basename(words[0]) not in PYTHON_SCRIPTS:
            reactor.spawnProcess(process, words[0], words, variables, self.directory.path)
        else:
            fork_server().spawn(process, words, variables, self.directory.path, self.open_files)
        self.addCleanup(self._reap, process)
        return process

    def workers_in_environment(self) -> dict[str, str]:
        """Return the variable that asks for ``worker_count`` workers."""
        return {"GIM_GATEWAY_WORKER": str(self.worker_count)} if self.worker_count > 1 else {}

    async def _reap(self, process: Process) -> None:
        try:
            process.signal(signal.SIGKILL)
        except ProcessExitedAlready:
            pass
        await process.exited
        for pid in workers_in(process.output[1]).values():
            await until_gone(pid)

    async def daemon(
        self, *options: str, script: tuple[str, ...] = ("twistd", "-n", "gim"), **environment: str
    ) -> Process:
        """Start gim on free ports and wait until it listens on both."""
        address = "tcp:0:interface=127.0.0.1"
        process = self.spawn(*script, "--ws", address, "--http", address, *options, **environment)
        await self.listens(process)
        return process

    async def listens(self, process: Process) -> None:
        self.http = int((await process.says(r"api listens on 127.0.0.1:(\d+)"))[1])
        self.ws = int((await process.says(r"gateway listens on 127.0.0.1:(\d+)"))[1])
        await self.workers_serve(process, self.worker_count if self.worker_count > 1 else 0)

    async def workers_serve(self, process: Process, count: int) -> None:
        """Wait for so many workers."""
        for number in range(1, count + 1):
            await process.says(rf"worker {number} \(pid \d+\) is ready")

    @overload
    async def client(self) -> Client: ...

    @overload
    async def client(self, kind: type[AnyClient], protocols: list[str] | None = None) -> AnyClient: ...

    async def client(self, kind: type[Client] = Client, protocols: list[str] | None = None) -> Client:
        """Return a client that is connected to the gateway started last."""
        factory = WebSocketClientFactory(
            f"ws://127.0.0.1:{self.ws}{self.handshake_path}", protocols=protocols
        )
        factory.protocol = kind
        factory.setProtocolOptions(openHandshakeTimeout=PATIENCE)  # a daemon may take long to start
        client: Any = await HostnameEndpoint(reactor, "127.0.0.1", self.ws).connect(factory)
        self.addCleanup(self._hang_up, client)
        await client.opened.addTimeout(PATIENCE, reactor)
        return client

    def _hang_up(self, client: Client) -> Deferred[None]:
        if not client.gone.called:
            client.transport.abortConnection()
        return client.gone
