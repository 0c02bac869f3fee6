"""A TCP proxy whose network goes wrong at random, as a seed says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.task import deferLater

from tests.support.redis.proxy import End, Near, Proxy


class Kind(NamedTuple):
    """A kind of fault, how often it comes beside the others, and how many seconds it lasts."""

    name: str
    weight: int
    seconds: tuple[float, float]


KINDS = (
    Kind("reset", 4, (0, 0)),  # RST on both sides: what is on its way is lost
    Kind("end", 3, (0, 0)),  # FIN on both sides, in the middle of a frame
    Kind("half-close", 2, (0.5, 3)),  # FIN on one side; the other goes on until the end of the fault
    Kind("stall up", 2, (0.5, 4)),  # what the client says arrives later, or never
    Kind("stall down", 2, (0.5, 4)),
    Kind("stall", 2, (0.5, 4)),  # both ways
    Kind("delay", 2, (1, 4)),
    Kind("limit up", 3, (0, 0)),  # the link ends after so many bytes more
    Kind("limit down", 3, (0, 0)),
    Kind("limit next", 2, (0, 0)),  # the next link ends after so many bytes, such as in its handshake
    Kind("refuse", 2, (0.2, 2)),  # links end, and new ones are refused
)
DELAY_LIMIT = 0.4  # seconds each way
BYTE_LIMIT = 3000
PAUSE = 2.0  # seconds from the end of a fault to the next one, on average


class Fault(NamedTuple):
    """One fault; *pick* and *size* in 0 … 1 choose a link, and how much of the kind it is."""

    pause: float  # seconds before it
    kind: str
    seconds: float
    pick: float
    size: float


def faults(seed: str, pause: float = PAUSE) -> Iterator[Fault]:
    """Yield faults without an end; the same seed has the same ones. Each kind comes once at first."""
    dice = Random(seed)
    kinds = dice.sample(KINDS, len(KINDS))
    while True:
        for kind in kinds:
            wait, seconds = dice.expovariate(1 / pause), dice.uniform(*kind.seconds)
            yield Fault(wait, kind.name, seconds, dice.random(), dice.random())
        kinds = dice.choices(KINDS, [kind.weight for kind in KINDS], k=len(KINDS))


class FaultProxy(Proxy):
    """Passes all on to a port of this machine, and harms its links from `start` to `calm`.

    ``counts`` has how many faults of each kind met a link. The seed decides which faults come, in which
    order and how long; when a fault comes also depends on the links that there are.
    """

    def __init__(self, upstream: int, seed: str, pause: float = PAUSE) -> None:
        super().__init__(upstream)
        self._faults = faults(seed, pause)
        self._harming: Deferred[None] | None = None
        self._next_limit: int | None = None  # bytes that the next link passes on
        self.counts: Counter[str] = Counter()

    def start(self) -> None:
        """Begin to do harm."""
        self._harming = Deferred.fromCoroutine(self._harm())
        self._harming.addErrback(lambda failure: failure.trap(CancelledError))

    def calm(self) -> None:
        """Do no more harm. Links that suffer are reset."""
        if self._harming is not None:
            self._harming.cancel()
        self._next_limit = None
        self.allow()
        self.delay(0)
        self.cut()

    async def stop(self) -> None:
        self.calm()
        await super().stop()

    def buildProtocol(self, addr: IAddress | None) -> Near:
        link = super().buildProtocol(addr)
        link.allowance, self._next_limit = self._next_limit, None
        return link

    @property
    def links(self) -> list[Near]:
        """The clients' ends of links that reach the upstream port."""
        return [end for end in self.ends if isinstance(end, Near) and end.other in self.ends]

    async def _harm(self) -> None:
        for fault in self._faults:
            await deferLater(reactor, fault.pause)
            if fault.kind == "refuse":
                await self._refuse(fault)
            elif fault.kind == "limit next":
                self._next_limit = self._bytes(fault)
            elif fault.kind == "delay":
                await self._delay(fault)
            elif links := self.links:
                await self._harm_link(fault, links[int(fault.pick * len(links))])
            else:
                continue
            self.counts[fault.kind] += 1

    async def _refuse(self, fault: Fault) -> None:
        await self.refuse()
        self.cut()
        await deferLater(reactor, fault.seconds)
        self.allow()

    async def _delay(self, fault: Fault) -> None:
        self.delay(fault.size * DELAY_LIMIT)
        await deferLater(reactor, fault.seconds)
        self.delay(0)

    async def _harm_link(self, fault: Fault, near: Near) -> None:
        far = near.other
        assert far is not None
        match fault.kind:
            case "reset":
                self._reset(near, far)
            case "end":
                near.transport.loseConnection()
                far.transport.loseConnection()
            case "half-close":
                (near if fault.size < 0.5 else far).transport.loseWriteConnection()
                await deferLater(reactor, fault.seconds)
                self._reset(near, far)
            case "limit up":
                near.allowance = self._bytes(fault)
            case "limit down":
                far.allowance = self._bytes(fault)
            case "stall up":
                await self._stall(fault, near, far, near)
            case "stall down":
                await self._stall(fault, near, far, far)
            case "stall":
                await self._stall(fault, near, far, near, far)

    async def _stall(self, fault: Fault, near: End, far: End, *held: End) -> None:
        """Read nothing from some ends for a while; then half of the links go on, the others end."""
        for end in held:
            end.transport.pauseProducing()
        await deferLater(reactor, fault.seconds)
        if fault.size < 0.5:
            self._reset(near, far)
        for end in self.ends.intersection(held):
            end.transport.resumeProducing()

    def _reset(self, *ends: End) -> None:
        for end in self.ends.intersection(ends):
            end.reset()

    def _bytes(self, fault: Fault) -> int:
        return 1 + int(fault.size * BYTE_LIMIT)
