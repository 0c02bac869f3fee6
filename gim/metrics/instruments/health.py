"""Whether the process can serve, found out when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IReactorTime

from gim.concurrency.deadline import within
from gim.errors import NotReady, Unavailable
from gim.storage.interface import Storage

PING_TIMEOUT: Final = (
    0.4  # seconds; a worker has `gim.workers.snapshots.SNAPSHOT_TIMEOUT` for all numbers
)


class Health:
    """What the last check found: whether the storage answers, and whether new clients can be served."""

    def __init__(self, storage: Storage, check_serving: Callable[[], None], clock: IReactorTime) -> None:
        """*check_serving* raises `NotReady` if requests can't be served for another reason than the
        storage."""
        self.is_ready = False
        self.is_storage_up = False
        self._storage = storage
        self._check_serving = check_serving
        self._clock = clock

    async def check(self) -> None:
        """Ask the storage, which has `PING_TIMEOUT` to answer."""
        try:
            await within(PING_TIMEOUT, self._clock, self._storage.ping())
        except Unavailable:
            self.is_storage_up = self.is_ready = False
        else:
            self.is_storage_up, self.is_ready = True, self._is_serving()

    def _is_serving(self) -> bool:
        try:
            self._check_serving()
        except NotReady:
            return False
        return True
