"""One setup from its start to its end."""

from __future__ import annotations

import os
import resource
import traceback
from random import Random

from twisted.internet import reactor
from twisted.internet.task import LoopingCall, deferLater
from twisted.python.filepath import FilePath

from tests.integration.chaos.faults import Faults
from tests.integration.chaos.journal import Journal
from tests.integration.chaos.judgement import Violation
from tests.integration.chaos.plan import LANES, Fault, schedule
from tests.integration.chaos.report import Result
from tests.integration.chaos.settle import Settlement
from tests.integration.chaos.topology import Topology
from tests.integration.chaos.traffic import Traffic
from tests.support.redis.setups import at_once

WATCH = 0.1  # seconds between two looks at the clock
STALL = 0.5  # seconds that the harness itself may be late before this excuses what waited


async def run_setup(
    name: str, seed: int, seconds: float, kinds: set[str], pause: float, directory: FilePath[str]
) -> Result:
    """Run one setup under faults of some *kinds* for so many seconds, and judge it.

    *pause* is the average of the seconds between two actions of a device.
    """
    journal, violations = Journal(), list[Violation]()
    dice = Random(f"{seed} {name}")
    topology = Topology(name, directory, dice)
    watch = LoopingCall(_Watch(journal).look)
    watch.start(WATCH).addErrback(lambda failure: failure.printTraceback())
    try:
        await topology.start()
        baseline = {node.name: node.open_files for node in topology.nodes}
        traffic = Traffic(topology.nodes, journal, dice, pause)
        await traffic.start()
        plans = [schedule(seed, name, lane, kinds) for lane in LANES]
        await _harm(Faults(topology, journal), plans, seconds)
        settlement = Settlement(topology, traffic, journal)
        violations = settlement.violations
        await settlement.run(baseline)
    except Exception:  # such as that of `until`, when something does not come back
        violations.append(Violation("not ready", traceback.format_exc()))
    finally:
        watch.stop()
        await topology.stop()
    return Result(name, journal, violations)


async def _harm(faults: Faults, plans: list[list[Fault]], seconds: float) -> None:
    until_at = reactor.seconds() + seconds
    await at_once(faults.run(plan, until_at) for plan in plans)
    await deferLater(reactor, max(0.0, until_at - reactor.seconds()))


class _Watch:
    """Writes down when the harness itself stood still, as on a machine that is too busy."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self._last = journal, reactor.seconds()

    def look(self) -> None:
        now = reactor.seconds()
        if now - self._last > WATCH + STALL:
            self._journal.out("machine", self._last, now)
        self._last = now


def raise_file_limit() -> None:
    """Let the harness open as many files as it may: it has both ends of all links."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def fresh_directory(seed: int) -> FilePath[str]:
    """Return a new directory for a run, which becomes the current one."""
    directory = FilePath("build").child("chaos").child(f"{seed}-{os.getpid()}")
    directory.makedirs()
    os.chdir(directory.path)
    return directory
