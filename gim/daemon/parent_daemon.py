"""The daemon whose gateway is in workers: starts all parts in order, and stops them in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from twisted.application.service import IService
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.components import Componentized

from gim.concurrency.gather import gather
from gim.daemon.top_service import TopService
from gim.errors import GimError
from gim.log.logger import Logger
from gim.workers.control import Drain, PrepareToDrain
from gim.workers.supervisor import Supervisor
from gim.workers.worker_process import Worker

if TYPE_CHECKING:
    from gim.daemon.durable_data import DurableData

DRAIN_PATIENCE = 4.0  # seconds after the duration of a drain that a worker has for the last clients
HURRY_PATIENCE = 2.0  # seconds that a worker has for its clients after a second stop signal


class Gateway(Protocol):
    """The port of the gateway: a `gim.net.listening.Listening`."""

    def accept(self) -> None:
        """Accept connections from now on."""

    def stopService(self) -> Any:
        """Close the port."""


class ParentDaemon(TopService):
    """All services of the parent of workers.

    Starting: all ports are bound, the workers start, and the gateway accepts connections when they have
    settled (`Supervisor.settled`).

    Stopping: the gateway's port is closed, and the workers close their connections, evenly over *drain*
    seconds all together. When the last one is gone, the services *before_workers* stop, then the workers,
    and then all other children.
    """

    _log = Logger()

    def __init__(
        self,
        supervisor: Supervisor,
        gateway: Gateway,
        before_workers: Sequence[IService],
        clock: IReactorTime,
        drain: float,
        prepare_process: Callable[[Componentized], None],
        durable: DurableData | None = None,
    ) -> None:
        """*before_workers* are services that need the workers until they have stopped, such as the port
        of the HTTP API. They, *supervisor* and *gateway* must be made children as well. *prepare_process*
        is called with the application that the daemon becomes a part of. *durable*, a child as well, is
        closed when nothing uses it any more."""
        super().__init__(prepare_process)
        self._supervisor = supervisor
        self._gateway = gateway
        self._before_workers = before_workers
        self._clock = clock
        self._duration = drain
        self._draining: set[Worker] = set()
        self._durable = durable

    def startService(self) -> None:
        self._supervisor.settled().addCallback(lambda _: self._gateway.accept())
        super().startService()

    async def _stop(self) -> None:
        self._supervisor.hold()
        await maybeDeferred(self._gateway.stopService)
        await self._drain()
        await gather(maybeDeferred(service.disownServiceParent) for service in self._before_workers)
        await self._supervisor.stopService()
        await self._stop_children()
        if self._durable is not None:
            await self._durable.close()
        self._log.info("stopped")

    async def _drain(self) -> None:
        """Have all workers close their connections; return when they have."""
        workers = [worker for worker in self._supervisor.workers if worker.has_joined]
        counts = await gather(map(_connections, workers))
        self._log.info("stopping, {count} connections to close", count=sum(counts))
        self._draining.update(workers)
        await gather(self._drain_one(worker, counts, place) for place, worker in enumerate(workers))

    async def _drain_one(self, worker: Worker, counts: Sequence[int], place: int) -> None:
        drain = Drain(duration=self._duration, counts=tuple(counts), place=place)
        patience = self._duration + DRAIN_PATIENCE
        try:
            await worker.channel.ask(drain, type(None), patience)
        except GimError:
            if not worker.channel.has_ended:  # the supervisor logs an end
                self._log.warn(
                    "{worker} did not close its connections within {patience:g} s",
                    worker=worker,
                    patience=patience,
                )
        self._draining.discard(worker)

    def hurry(self) -> None:
        """Cut the stopping short at a second signal."""
        self._log.info("second stop signal: not waiting for clients any more")
        self.cut_short()

    def cut_short(self) -> None:
        """Close what is left when the daemon stops, and wait for no client's answer."""
        self._duration = 0.0  # if it has not begun yet
        self._supervisor.hurry()
        self._clock.callLater(HURRY_PATIENCE, self._kill_the_slow)

    def _kill_the_slow(self) -> None:
        for worker in tuple(self._draining):
            worker.kill(f"it did not close its connections within {HURRY_PATIENCE:g} s")


async def _connections(worker: Worker) -> int:
    """Return how many connections the gateway of a worker has, 0 if it does not answer."""
    try:
        return await worker.channel.ask(PrepareToDrain(), int)
    except GimError:
        return 0
