"""The service that holds all others of a daemon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.components import Componentized

from gim.startup import reported


class TopService(MultiService):
    """The base of the daemons that twistd starts. The last child service starts last.

    An error of the start ends the process with one line. How a daemon stops is for the subclass to say:
    `_stop`.
    """

    def __init__(self, prepare_process: Callable[[Componentized], None]) -> None:
        """*prepare_process* is called with the application that the daemon becomes a part of."""
        super().__init__()
        self._prepare_process = prepare_process

    def setServiceParent(self, parent: Any) -> None:
        super().setServiceParent(parent)
        if isinstance(parent, Componentized):
            with reported():
                self._prepare_process(parent)

    def privilegedStartService(self) -> None:
        with reported():
            super().privilegedStartService()

    def startService(self) -> None:
        with reported():
            super().startService()

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        """Stop all children. Nothing runs once this returns."""
        raise NotImplementedError

    async def _stop_children(self) -> None:
        """Stop the children that still run, the last one first; return when all have stopped."""
        await maybeDeferred(super().stopService)
