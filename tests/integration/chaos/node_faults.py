"""Faults of the nodes themselves."""

from __future__ import annotations

import socket
from random import Random

from twisted.internet import reactor

from tests.integration.chaos.injection import Inject, Injection
from tests.integration.chaos.journal import CLOCK
from tests.integration.chaos.plan import Fault
from tests.integration.chaos.topology import OPEN_FILES, SYNCED_ALWAYS, GimNode
from tests.support.clocks import DAY, HOUR
from tests.support.redis.environment import HOST

STEPS = (-12, 12, -HOUR, HOUR, -31 * DAY, 31 * DAY)  # seconds that a clock is set by


class NodeFaults(Injection):
    """Nodes end, stand still, have another time, or no files left."""

    @property
    def kinds(self) -> dict[str, Inject]:
        return {
            "node killed": self._kill_node,
            "node restarted": self._restart_node,
            "power cut": self._cut_power,
            "node frozen": self._freeze_node,
            "clock set": self._set_clock,
            "files used up": self._use_up_files,
        }

    async def _kill_node(self, fault: Fault) -> None:
        node = self.node(fault)
        node.kill()
        await node.ended()
        await self.last(fault)
        await self._start(node)

    async def _restart_node(self, fault: Fault) -> None:
        node = self.node(fault)
        await node.stop()
        await self.last(fault)
        await self._start(node)

    async def _cut_power(self, fault: Fault) -> None:
        """Kill a node; where it promises so, leave on its disk only what was synced."""
        node = self.node(fault)
        node.kill()
        await node.ended()
        if node.disk is not None and SYNCED_ALWAYS in node.options:
            node.disk.cut_power(Random(fault.variant) if fault.variant % 2 else None)
        await self.last(fault)
        await self._start(node)

    async def _start(self, node: GimNode) -> None:
        """Start a node again. The port of one with workers is there before they serve."""
        began = reactor.seconds()
        await node.start()
        if node.worker_count > 1:
            self.out(node.name, began)

    async def _freeze_node(self, fault: Fault) -> None:
        node, began = self.node(fault), reactor.seconds()
        node.freeze()
        await self.last(fault)
        node.thaw()
        self.out(node.name, began)

    async def _set_clock(self, fault: Fault) -> None:
        node, seconds = self.node(fault), STEPS[fault.variant % len(STEPS)]
        began = reactor.seconds()
        node.step_clock(seconds)
        await self.last(fault)
        node.step_clock(-seconds)
        self.out(CLOCK, began)

    async def _use_up_files(self, fault: Fault) -> None:
        node = self.node(fault)
        port = node.http if fault.variant % 3 == 0 else node.ws
        idle = [socket.socket() for _ in range(OPEN_FILES * node.worker_count + 50)]
        for one in idle:
            one.setblocking(False)
            one.connect_ex((HOST, port))
        began = reactor.seconds()
        await self.last(fault)
        for one in idle:
            one.close()
        if port == node.http:  # no files are left for other requests over HTTP until then
            self.out(f"{node.name}/http", began)
