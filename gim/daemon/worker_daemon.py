"""The services of a worker process: started in order, and stopped as the parent says."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from gim.chat.chat import Chat
from gim.daemon.drain import ClientDrain
from gim.gateway.draining import shares_of
from gim.gateway.factory import GatewayFactory
from gim.link.channel import Channel
from gim.log.logger import Logger
from gim.workers.control import Drain, Hurry, Joined, Leave, PrepareToDrain, Ready, Stop


class WorkerDaemon(MultiService):
    """All services of a worker; the last child service starts last.

    The parent learns when they run, and when the storage serves. It says when to close the connections,
    and when to stop: `gim.workers.control` has the messages.
    """

    _log = Logger()

    def __init__(
        self,
        chat: Chat,
        gateway: GatewayFactory,
        accept: Callable[[], None],
        channel: Channel,
        clock: IReactorTime,
        take_waiting: Callable[[], None],
        flush_log: Callable[[], None],
        leave: Callable[[int], None],
    ) -> None:
        """*accept* lets the gateway's port serve connections. *take_waiting* takes the sockets that were
        handed over and wait. *flush_log* sends the lines of the log that wait. *leave* ends the process
        with an exit status, when the parent has read all that was sent."""
        super().__init__()
        self._chat = chat
        self._gateway = gateway
        self._accept = accept
        self._channel = channel
        self._take_waiting = take_waiting
        self._flush_log = flush_log
        self._leave = leave
        self._drain = ClientDrain(chat, gateway, clock)
        self._is_hurried = False
        channel.serve(PrepareToDrain, self._prepare_to_drain)
        channel.serve(Drain, self._drain_clients)
        channel.handle(Hurry, lambda message: self._hurry())
        channel.handle(Stop, lambda message: self._begin_to_stop())

    def startService(self) -> None:
        super().startService()
        self._channel.send(Joined())
        Deferred.fromCoroutine(self._start()).addErrback(self._failed)

    async def _start(self) -> None:
        await self._chat.start()
        self._accept()
        self._gateway.takes_upgrades = True
        self._channel.send(Ready())

    def _failed(self, failure: Failure) -> None:
        """End, so that the parent starts another process: this one would never serve."""
        self._log.failure("the chat could not start", failure)
        Deferred.fromCoroutine(self._say_goodbye(1))

    async def _prepare_to_drain(self, question: PrepareToDrain) -> int:
        self._take_waiting()
        self._chat.drain()
        self._gateway.takes_upgrades = False
        return len(self._gateway.connections)

    async def _drain_clients(self, question: Drain) -> None:
        if self._is_hurried:
            await self._drain.run(0.0)
        else:
            await self._drain.run(question.duration, shares_of(question.counts, question.place))

    def _hurry(self) -> None:
        self._is_hurried = True
        self._drain.hurry()

    def _begin_to_stop(self) -> None:
        Deferred.fromCoroutine(self._stop()).addErrback(self._stopped_badly)

    async def _stop(self) -> None:
        await maybeDeferred(self.stopService)
        await self._chat.stop()
        await self._say_goodbye(0)

    def _stopped_badly(self, failure: Failure) -> None:
        self._log.failure("a worker could not stop in order", failure)
        Deferred.fromCoroutine(self._say_goodbye(1))

    async def _say_goodbye(self, status: int) -> None:
        self._flush_log()
        try:
            await self._channel.ask(Leave(), type(None))
        finally:
            self._leave(status)
