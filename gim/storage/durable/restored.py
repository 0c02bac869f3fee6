"""A storage that serves as soon as its data is restored."""

from __future__ import annotations

from typing import Protocol

from gim.storage.interface import Listener, Storage
from gim.storage.wrapping import WrappedStorage


class Restoring(Protocol):
    """Data that is being restored."""

    async def restored(self) -> None:
        """Return when all of it is there."""

    def check_restored(self) -> None:
        """Raise `gim.errors.Unavailable` until then; it says how far this is."""


class RestoredStorage(WrappedStorage):
    """Offers what *store* does. It starts when the data is restored, and can't be pinged before."""

    def __init__(self, store: Storage, restoring: Restoring) -> None:
        super().__init__(store)
        self._store = store
        self._restoring = restoring
        self._is_stopped = False
        self.start = self._start
        self.stop = self._stop
        self.ping = self._ping

    async def _start(self, listener: Listener) -> None:
        await self._restoring.restored()
        if not self._is_stopped:  # meanwhile
            await self._store.start(listener)

    async def _stop(self) -> None:
        self._is_stopped = True
        await self._store.stop()

    async def _ping(self) -> tuple[str, ...]:
        self._restoring.check_restored()
        return await self._store.ping()
