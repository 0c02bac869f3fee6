"""Processes of workers that are none: a test says what they send and how they end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gim.link.channel import Channel
from gim.workers.control import TO_WORKER, Drain, Hurry, Joined, PrepareToDrain, Ready, Stop
from gim.workers.worker_process import Worker
from tests.support.channels import connect


class FakeProcess:
    """The transport of a `Worker`, and the worker's end of its link. A signal ends it at once."""

    def __init__(
        self, clock: Clock, pid: int, worker: Worker, words: Sequence[str], variables: Any
    ) -> None:
        self.pid = pid
        self.worker = worker
        self.words = words
        self.variables: Mapping[str, str] = variables
        self.start = b""  # what was written to its standard input
        self.is_input_closed = False
        self.has_ended = False
        self.lets_it_end = True  # whether a signal ends it
        self.received: list[Struct] = []
        self.channel = Channel(TO_WORKER, clock, on_end=lambda why: None)
        self.connections = 0  # of the gateway
        self.drained: Deferred[None] = Deferred()  # a test fires it when the connections are closed
        for kind in Hurry, Stop:
            self.channel.handle(kind, self.received.append)
        self.channel.serve(PrepareToDrain, self._prepare_to_drain)
        self.channel.serve(Drain, self._drain)
        self.clock = clock

    async def _prepare_to_drain(self, question: PrepareToDrain) -> int:
        self.received.append(question)
        return self.connections

    async def _drain(self, question: Drain) -> None:
        self.received.append(question)
        await self.drained

    def write(self, data: bytes) -> None:
        self.start += data

    def closeStdin(self) -> None:
        self.is_input_closed = True

    def signalProcess(self, number: int) -> None:
        if self.has_ended:
            raise ProcessExitedAlready
        if self.lets_it_end:
            self.end(number)

    def serve(self) -> None:
        """Say that the worker has joined and is ready."""
        self.send(Joined(), Ready())

    def send(self, *messages: Struct) -> None:
        for message in messages:
            self.channel.send(message)
        self.clock.pump([0, 0])

    def end(self, number: int | None = None, status: int = 0) -> None:
        """End the process by a signal or with a status, and the link with it."""
        self.has_ended = True
        if not self.channel.has_ended:
            self.channel.transport.loseConnection()
        self.exit(number, status)

    def exit(self, number: int | None = None, status: int = 0) -> None:
        """End the process only."""
        self.has_ended = True
        reason = ProcessTerminated(status, number) if number or status else ProcessDone(0)
        self.worker.processEnded(Failure(reason))


class FakeReactor(Clock):
    """A clock that starts processes."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[FakeProcess] = []
        self.fails = False  # whether no process can be started
        self.from_threads: list[tuple[Any, ...]] = []  # calls of other threads

    def callWhenRunning(self, call: Callable[..., Any], *args: Any) -> None:
        call(*args)

    def callFromThread(self, *call: Any) -> None:
        self.from_threads.append(call)

    def spawnProcess(
        self, worker: Worker, program: str, words: Sequence[str], variables: Any, childFDs: Any
    ) -> None:
        if self.fails:
            raise BlockingIOError(11, "no more processes")
        assert program == words[0] and sorted(childFDs) == [0, 1, 2, 3, 4]
        process = FakeProcess(self, 1000 + len(self.processes), worker, words, variables)
        self.processes.append(process)
        worker.transport = process

    def addReader(self, transport: Any) -> None:
        """Connect the channel of a worker with that of its process in memory."""
        transport.socket.close()
        connect(transport.protocol, self.processes[-1].channel)

    @property
    def running(self) -> list[FakeProcess]:
        """The processes that have not ended."""
        return [process for process in self.processes if not process.has_ended]


def observe_log(test: SynchronousTestCase, observe: Callable[[LogEvent], object]) -> None:
    """Call *observe* with all that is logged until the end of a test."""
    observer = implementer(ILogObserver)(lambda event: observe(event))
    globalLogPublisher.addObserver(observer)
    test.addCleanup(globalLogPublisher.removeObserver, observer)
