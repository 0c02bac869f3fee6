"""Faults of the disk that a node keeps its data on."""

from __future__ import annotations

import errno

from tests.integration.chaos.injection import Inject, Injection
from tests.integration.chaos.plan import Fault
from tests.support.disk.failing_disk import FailingDisk

SYNC_TAKES = (0.02, 0.1, 0.5)  # seconds, on a slow disk


class DiskFaults(Injection):
    """The disk takes no more, fails, or takes its time."""

    @property
    def kinds(self) -> dict[str, Inject]:
        return {
            "disk full": self._fill,
            "disk broken": self._break,
            "disk slow": self._slow_down,
            "sync failed": self._fail_once,
        }

    def _disk(self, fault: Fault) -> FailingDisk:
        disk = self.node(fault).disk
        assert disk is not None
        return disk

    async def _fill(self, fault: Fault) -> None:
        self._disk(fault).fill()
        await self._heal(fault)

    async def _break(self, fault: Fault) -> None:
        self._disk(fault).fail("write", errno.EIO)
        await self._heal(fault)

    async def _slow_down(self, fault: Fault) -> None:
        self._disk(fault).delay("sync", SYNC_TAKES[fault.variant % len(SYNC_TAKES)])
        await self._heal(fault)

    async def _fail_once(self, fault: Fault) -> None:
        self._disk(fault).fail("sync", errno.EIO, times=1)
        await self._heal(fault)

    async def _heal(self, fault: Fault) -> None:
        await self.last(fault)
        self._disk(fault).heal()
