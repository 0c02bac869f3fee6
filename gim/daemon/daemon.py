"""The daemon: starts all parts in order, and stops them in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.components import Componentized
from twisted.python.failure import Failure

from gim.chat.chat import Chat
from gim.daemon.drain import ClientDrain
from gim.daemon.top_service import TopService
from gim.gateway.factory import GatewayFactory
from gim.log.logger import Logger
from gim.net.listening import Listening

if TYPE_CHECKING:
    from gim.daemon.durable_data import DurableData


class Daemon(TopService):
    """All services of a daemon that is one process.

    Starting: all ports are bound, the HTTP API answers at once, and the gateway accepts connections as
    soon as the storage serves. Clients that connect before that wait in the kernel's queue. Restoring
    durable data begins with the start, and may take long.

    Stopping: the gateway's port is closed, then the connections are, evenly over *drain* seconds. Each
    gets first what waits to be pushed to it. `CLOSING_TIME` later the remaining ones are dropped. The
    other children, the HTTP port among them, end when the last connection is gone. Before the storage
    serves and from the stop on, the gateway refuses handshakes that come to the HTTP port.
    """

    _log = Logger()

    def __init__(
        self,
        chat: Chat,
        gateway: GatewayFactory,
        listening: Listening,
        clock: IReactorTime,
        drain: float,
        prepare_process: Callable[[Componentized], None],
        durable: DurableData | None = None,
    ) -> None:
        """*listening* is where the *gateway* listens; it becomes one of the last children.
        *prepare_process* is called with the application that the daemon becomes a part of. *durable*, a
        child as well, is closed when nothing uses it any more."""
        super().__init__(prepare_process)
        self._chat = chat
        self._gateway = gateway
        self._listening = listening
        self._drain = ClientDrain(chat, gateway, clock)
        self._duration = drain
        self._durable = durable

    def startService(self) -> None:
        Deferred.fromCoroutine(self._start()).addErrback(self._failed)
        super().startService()

    async def _start(self) -> None:
        await self._chat.start()
        self._listening.accept()
        self._gateway.takes_upgrades = True

    async def _stop(self) -> None:
        self._chat.drain()
        self._gateway.takes_upgrades = False
        await maybeDeferred(self._listening.stopService)
        count = len(self._gateway.connections)
        self._log.info("stopping, {count} connections to close", count=count)
        await self._drain.run(self._duration)
        await self._stop_children()
        await self._chat.stop()
        if self._durable is not None:
            await self._durable.close()
        self._log.info("stopped")

    def hurry(self) -> None:
        """Cut the stopping short at a second signal."""
        self._log.info("second stop signal: not waiting for clients any more")
        self.cut_short()

    def cut_short(self) -> None:
        """Close what is left when the daemon stops, and wait for no client's answer."""
        self._duration = 0.0  # if it has not begun yet
        self._drain.hurry()

    def _failed(self, failure: Failure) -> None:
        self._log.failure("the chat could not start", failure)
