"""Data that is restored when a test says so."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from gim.errors import Unavailable


class RestoringData:
    """Implements `gim.storage.durable.restored.Restoring`; ``done`` is for the test to fire."""

    def __init__(self) -> None:
        self.done: Deferred[None] = Deferred()

    async def restored(self) -> None:
        await self.done

    def check_restored(self) -> None:
        if not self.done.called:
            raise Unavailable("7 % of it")
