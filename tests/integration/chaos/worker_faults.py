"""Faults of the worker processes of a node, whose parent goes on."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from twisted.internet import reactor

from tests.integration.chaos.injection import Inject, Injection, pick
from tests.integration.chaos.plan import Fault


class WorkerFaults(Injection):
    """Workers end, or stand still: for a while, or until their parent kills them."""

    @property
    def kinds(self) -> dict[str, Inject]:
        return {
            "worker killed": self._kill,
            "worker paused": self._stand_still,
            "worker stopped": self._stand_still,
        }

    async def _kill(self, fault: Fault) -> None:
        self._signal(self._worker(fault), signal.SIGKILL)
        await self.last(fault)

    async def _stand_still(self, fault: Fault) -> None:
        pid, began = self._worker(fault), reactor.seconds()
        self._signal(pid, signal.SIGSTOP)
        await self.last(fault)
        self._signal(pid, signal.SIGCONT)
        self.out(self.node(fault).name, began)

    def _worker(self, fault: Fault) -> int:
        """Return the pid of one of the workers, 0 if none runs at the moment."""
        workers = list(self.node(fault).workers.values())
        return pick(fault, workers) if workers else 0

    def _signal(self, pid: int, number: int) -> None:
        with suppress(ProcessLookupError):  # it has ended meanwhile
            if pid:
                os.kill(pid, number)
