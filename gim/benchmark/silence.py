"""Connections that are logged in and silent: they answer pings."""

from __future__ import annotations

import asyncio
from typing import Any

from gim.benchmark.plan import Plan
from gim.benchmark.traffic import Traffic


class IdleTraffic(Traffic):
    """Connects in two parts: the first connections bring in what the server loads late."""

    def __init__(self, plan: Plan, say: Any) -> None:
        super().__init__(plan, say)
        self._latencies = self.tally.latencies["login"]

    async def open_some(self, count: int) -> float:
        """Connect so many users more; return how many seconds that took. Raises `Failure`."""
        began = asyncio.get_running_loop().time()
        there = len(self.connections)
        await self.connect_all(self.plan.users[there : there + count])
        return asyncio.get_running_loop().time() - began

    def on_login(self, seconds: float) -> None:
        super().on_login(seconds)
        self._latencies.add(int(seconds * 1e6))
