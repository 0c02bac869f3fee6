"""The faults of a run, one after the other in each lane."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.integration.chaos.disk_faults import DiskFaults
from tests.integration.chaos.injection import Inject
from tests.integration.chaos.journal import Journal
from tests.integration.chaos.link_faults import LinkFaults
from tests.integration.chaos.node_faults import NodeFaults
from tests.integration.chaos.plan import Fault
from tests.integration.chaos.redis_faults import RedisFaults
from tests.integration.chaos.topology import Topology
from tests.integration.chaos.worker_faults import WorkerFaults


class Faults:
    """Injects faults of all kinds into a setup."""

    def __init__(self, topology: Topology, journal: Journal) -> None:
        self._journal = journal
        self.kinds: dict[str, Inject] = {}
        for part in (NodeFaults, WorkerFaults, DiskFaults, LinkFaults, RedisFaults):
            self.kinds |= part(topology, journal).kinds

    async def run(self, faults: list[Fault], until_at: float) -> None:
        """Inject *faults* in their order until it is time to heal."""
        for fault in faults:
            if reactor.seconds() + fault.gap > until_at:
                return
            await deferLater(reactor, fault.gap)
            self._journal.faults[fault.kind] += 1
            self._note(f"{fault.kind} begins: {fault.seconds:.1f} s, {fault.pick:.2f}, {fault.variant}")
            await self.kinds[fault.kind](fault)
            self._note(f"{fault.kind} is healed")

    def _note(self, text: str) -> None:
        self._journal.note(reactor.seconds(), "fault", "", text)
