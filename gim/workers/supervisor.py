"""Starts the workers, watches them, and starts anew what has ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from gim.concurrency.backoff import Backoff
from gim.concurrency.periodic import Periodic
from gim.link.flushes import Flushes
from gim.link.messages import Ping, Pong
from gim.log.logger import Logger
from gim.workers.control import Hurry, Joined, Leave, Ready, Stop
from gim.workers.settling import Settling
from gim.workers.worker_process import Worker

PING_INTERVAL = 1.0  # seconds
MAX_UNANSWERED = 5  # pings in a row; a worker with more is killed
START_TIME = 30.0  # seconds that a worker has until it joins, the first time
MAX_START_TIMES = 10  # as many times START_TIME a worker has at most, after failures
STOP_TIME = 5.0  # seconds that a worker has to end
# A worker is started again at once. If that one does not serve for SERVED_TIME, there are pauses.
SERVED_TIME = 2.0  # seconds
RESTART = Backoff(first=0.1, longest=5.0, shortest=0.1)

Event = Callable[[Worker], None]


def ignore(worker: Worker) -> None:
    """An event that is of no interest."""


class Supervisor(MultiService):
    """Keeps *count* workers running, numbered from 1.

    A worker that ends is started again, the first time at once, then after pauses that grow (`RESTART`).
    One that does not answer pings is killed: `MAX_UNANSWERED` pings, not seconds, so that a pause of the
    parent harms none. The others serve meanwhile.
    """

    _log = Logger()

    def __init__(
        self,
        count: int,
        kinds: Sequence[type[Struct]],
        start: Callable[[int], bytes],
        reactor: Any,
        *,
        spawned: Event = ignore,
        joined: Event = ignore,
        gone: Event = ignore,
        words: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        ping_interval: float = PING_INTERVAL,
        start_time: float = START_TIME,
        stop_time: float = STOP_TIME,
    ) -> None:
        """*kinds* are all messages that a worker may send, those of `gim.workers.control` among them.
        *start* returns what the worker of a number reads from its standard input.

        For each process *spawned* is called once, before anything that it sends is read, so that it can
        set the handlers of its channel; *joined* when its services run, and *gone* when it has ended,
        after the last of its messages. The number and the pid of the parent are added to *words*, by
        default those of `gim.worker`.
        """
        super().__init__()
        self._count = count
        self._kinds = kinds
        self._start = start
        self._reactor = reactor
        self._flushes = Flushes(reactor)
        self._spawned = spawned
        self._joined = joined
        self._gone = gone
        self._words = tuple(words or (sys.executable, "-P", "-m", "gim.worker"))
        self._environment = worker_environment(os.environ) if environment is None else environment
        self._start_time = start_time
        self._stop_time = stop_time
        self._workers: dict[int, Worker] = {}
        self._failures = dict.fromkeys(range(1, count + 1), 0)  # in a row, by number
        self._restarts: dict[int, IDelayedCall] = {}  # that are to come, by number
        self._settling = Settling(self._failures, reactor)
        self._is_ending = False
        self._all_gone: Deferred[None] | None = None
        Periodic(self._ping, ping_interval, reactor).setServiceParent(self)

    @property
    def workers(self) -> list[Worker]:
        """The workers that run, in the order of their numbers."""
        return [self._workers[number] for number in sorted(self._workers)]

    def startService(self) -> None:
        super().startService()
        for number in self._failures:
            self._reactor.callWhenRunning(self._spawn, number)

    def settled(self) -> Deferred[None]:
        """Wait until the start is over: see `Settling`."""
        return self._settling.wait()

    # ending

    def hold(self) -> None:
        """Start no worker from now on."""
        self._is_ending = True
        for call in self._restarts.values():
            call.cancel()
        self._restarts.clear()
        self._settling.cancel()

    def hurry(self) -> None:
        """Let all workers close the rest of their connections at once."""
        for worker in self.workers:
            if worker.has_joined:
                worker.channel.send(Hurry())

    def stopService(self) -> Deferred[None]:
        """Let all workers stop. Fires when the last one has ended; after `STOP_TIME` they are killed."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self.hold()
        for worker in self.workers:
            worker.is_leaving = True
            if worker.has_joined:
                worker.channel.send(Stop())
            else:
                worker.kill("it was to stop before it served")
        if self._workers:
            self._all_gone = Deferred()
            patience = self._reactor.callLater(self._stop_time, self._kill_the_rest)
            await self._all_gone
            if patience.active():
                patience.cancel()
        if self.running:
            await super().stopService()

    def _kill_the_rest(self) -> None:
        for worker in self.workers:
            worker.kill(f"it did not stop within {self._stop_time:g} s")

    # the life of a worker

    def _spawn(self, number: int) -> None:
        self._restarts.pop(number, None)
        if self._is_ending:
            return
        try:
            worker = self._run(number)
        except Exception as error:  # no memory, no files
            program = self._words[0]
            self._start_again(number, f"worker {number} could not be started: {error!r} for {program}")
            return
        self._workers[number] = worker
        channel = worker.channel
        channel.handle(Pong, lambda pong: self._on_pong(worker))
        channel.handle(Joined, lambda message: self._on_joined(worker))
        channel.handle(Ready, lambda message: self._on_ready(worker))
        channel.serve(Leave, _agree)
        try:
            self._spawned(worker)
        except Exception:  # it would serve without what is missing
            self._log.failure("the start of {worker} could not be handled", worker=worker)
            worker.kill("its parent could not set it up")

    def _run(self, number: int) -> Worker:
        words = (*self._words, str(number), str(os.getpid()))
        worker = Worker(number, self._kinds, self._reactor, self._ended, self._flushes)
        try:
            worker.spawn(words, self._environment, self._start(number))
        except Exception:
            worker.close()
            raise
        return worker

    def _on_joined(self, worker: Worker) -> None:
        worker.has_joined = True
        worker.unanswered = 0  # those of its start, which it is about to answer
        if not self._is_ending:
            self._joined(worker)

    def _on_ready(self, worker: Worker) -> None:
        worker.is_ready = True
        worker.ready_at = self._reactor.seconds()
        self._log.info("{worker} is ready", worker=worker)
        if not self._is_ending:
            self._settling.ready(worker.number)

    def _ended(self, worker: Worker) -> None:
        number = worker.number
        del self._workers[number]
        try:
            self._gone(worker)
        except Exception:  # the worker must be started again nevertheless
            self._log.failure("the end of {worker} could not be handled", worker=worker)
        worker.close()
        if worker.is_ready and self._reactor.seconds() - worker.ready_at >= SERVED_TIME:
            self._failures[number] = 0
        if self._is_ending:
            self._log_end(worker)
        else:
            self._start_again(number, worker.end)
        if self._all_gone is not None and not self._workers:
            all_gone, self._all_gone = self._all_gone, None
            all_gone.callback(None)

    def _log_end(self, worker: Worker) -> None:
        is_fine = worker.is_leaving and (worker.has_ended_well or not worker.has_joined)
        write = self._log.debug if is_fine else self._log.error
        write("{end}", end=worker.end)

    def _start_again(self, number: int, why: str) -> None:
        self._failures[number] += 1
        failures = self._failures[number]
        pause = 0.0 if failures == 1 else RESTART.pause(failures - 1)
        self._log.error(
            "{why}; it is started again {when}; {others}",
            why=why,
            when=f"in {pause:.1f} s, after {failures} failures in a row" if pause else "at once",
            others=self._others(),
        )
        self._restarts[number] = self._reactor.callLater(pause, self._spawn, number)
        self._settling.ended(number)

    def _others(self) -> str:
        ready = sum(worker.is_ready for worker in self._workers.values())
        return f"{ready} of {self._count} workers serve"

    # watching

    def _ping(self) -> None:
        for worker in self.workers:
            if worker.has_joined and worker.unanswered >= MAX_UNANSWERED:
                worker.kill(f"it did not answer {MAX_UNANSWERED} pings in a row")
            elif not worker.has_joined and self._age(worker) > self._patience(worker):
                worker.kill(f"it did not begin to answer within {self._patience(worker):g} s")
            worker.unanswered += 1
            worker.channel.send(Ping())

    def _age(self, worker: Worker) -> float:
        return float(self._reactor.seconds() - worker.spawned_at)

    def _patience(self, worker: Worker) -> float:
        """Return how many seconds a worker has to begin to answer: more after each failure, or many that
        start at once on a slow machine would be killed and started again for ever."""
        return self._start_time * min(1 + self._failures[worker.number], MAX_START_TIMES)

    def _on_pong(self, worker: Worker) -> None:
        worker.unanswered = 0


async def _agree(leave: Leave) -> None:
    """Answer that all before it has been read."""


def worker_environment(parent: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a worker: without the variables of gim, some of which hold secrets, and
    with the paths from which this process imports modules."""
    kept = {name: value for name, value in parent.items() if not name.startswith("GIM_")}
    return kept | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
