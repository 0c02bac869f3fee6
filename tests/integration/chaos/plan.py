"""Which faults come when: drawn from the seed, so that it names them again."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

REDIS_SETUPS = ("plain", "redis-workers", "aof", "sentinel", "cluster")
DURABLE = "durable"  # memory with a data directory
SETUPS = ("memory", "workers", DURABLE, *REDIS_SETUPS)
KEPT = (DURABLE, *REDIS_SETUPS)  # whose data outlive a node
WORKERS = ("workers", "redis-workers")
SINGLE = ("plain", "redis-workers", "aof")  # setups of one server, which nodes reach through relays


class Kind(NamedTuple):
    """A kind of fault: where it may come, how often beside the others of its lane, how long it lasts."""

    name: str
    lane: str  # one of `LANES`: faults of one lane follow each other, those of several overlap
    setups: tuple[str, ...]
    weight: int
    seconds: tuple[float, float]


KINDS = (
    Kind("node killed", "node", KEPT, 2, (0.1, 3)),
    Kind("node restarted", "node", KEPT, 1, (0, 0.1)),
    Kind("power cut", "node", (DURABLE,), 2, (0.1, 1)),
    Kind("node frozen", "node", SETUPS, 2, (0.3, 6)),
    Kind("clock set", "node", SETUPS, 3, (0.5, 4)),
    Kind("files used up", "node", SETUPS, 2, (1, 4)),
    Kind("clients cut", "node", SETUPS, 3, (0.05, 0.2)),
    Kind("clients in a black hole", "node", SETUPS, 2, (0.5, 5)),
    Kind("replies in a black hole", "node", SETUPS, 2, (0.5, 5)),
    Kind("clients delayed", "node", SETUPS, 2, (1, 4)),
    Kind("clients refused", "node", SETUPS, 1, (0.5, 3)),
    Kind("worker killed", "worker", WORKERS, 4, (0.05, 0.5)),
    Kind("worker paused", "worker", WORKERS, 2, (0.3, 4)),
    Kind("worker stopped", "worker", WORKERS, 1, (6.5, 8)),  # so long that its parent kills it
    Kind("disk full", "disk", (DURABLE,), 2, (0.5, 3)),
    Kind("disk broken", "disk", (DURABLE,), 2, (0.5, 3)),
    Kind("disk slow", "disk", (DURABLE,), 2, (0.5, 3)),
    Kind("sync failed", "disk", (DURABLE,), 2, (0.5, 1)),
    Kind("Redis link cut", "redis", SINGLE, 3, (0.05, 0.2)),
    Kind("Redis link in a black hole", "redis", SINGLE, 2, (0.5, 6)),
    Kind("Redis replies in a black hole", "redis", SINGLE, 2, (0.5, 6)),
    Kind("Redis link delayed", "redis", SINGLE, 2, (1, 4)),
    Kind("Redis link refused", "redis", SINGLE, 2, (0.5, 4)),
    Kind("Redis frozen", "redis", SINGLE, 2, (0.3, 4)),
    # longer than this, and a failover begins while the master still acknowledges what will be lost
    Kind("Redis frozen briefly", "redis", ("sentinel", "cluster"), 2, (0.1, 0.4)),
    Kind("Redis killed", "redis", ("aof",), 3, (0.1, 2)),
    Kind("Redis clock set", "redis", SINGLE, 2, (0.5, 4)),
    Kind("CLIENT KILL", "redis", REDIS_SETUPS, 3, (0.05, 0.2)),
    Kind("CLIENT PAUSE", "redis", (*SINGLE, "cluster"), 2, (0.3, 2.5)),
    Kind("SCRIPT FLUSH", "redis", REDIS_SETUPS, 2, (0.05, 0.2)),
    Kind("out of memory", "redis", REDIS_SETUPS, 2, (0.5, 3)),
    Kind("Sentinel frozen", "redis", ("sentinel",), 1, (0.3, 3)),
    Kind("slot moved", "redis", ("cluster",), 2, (0.1, 2)),
    Kind("failover planned", "redis", ("sentinel", "cluster"), 2, (0.5, 1)),
    Kind("master killed", "redis", ("sentinel", "cluster"), 3, (0.5, 2)),
)
LANES = ("redis", "worker", "disk", "node")
GAP = 1.5  # seconds from the end of a fault to the next one, on average


class Fault(NamedTuple):
    """One fault: *pick* in 0 … 1 chooses its target among those there are."""

    gap: float
    kind: str
    pick: float
    seconds: float
    variant: int  # for kinds that have several forms


def schedule(seed: int, setup: str, lane: str, chosen: set[str]) -> list[Fault]:
    """Return more faults of one lane than any run has time for; the same seed has the same ones.

    Each kind comes once before the rest is drawn by weight, so that short runs see them all in turn.
    """
    dice = Random(f"{seed} {setup} {lane}")
    kinds = [kind for kind in KINDS if kind.lane == lane and setup in kind.setups and kind.name in chosen]
    if not kinds:
        return []
    first = dice.sample(kinds, len(kinds))
    drawn = first + dice.choices(kinds, [kind.weight for kind in kinds], k=2000)
    return [
        Fault(
            dice.expovariate(1 / GAP),
            kind.name,
            dice.random(),
            dice.uniform(*kind.seconds),
            dice.randrange(1000),
        )
        for kind in drawn
    ]
