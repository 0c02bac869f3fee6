"""A filled memory store: measures itself each time it reads a line, and writes the figures as JSON.

Usage: ``python -m bench.jobs.store_child MESSAGES``
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock

from gim.concurrency.clocks import WallClock
from gim.ids import private_session
from gim.limits.limits import LimitHits, Limits
from gim.model import User
from gim.storage.interface import Draft
from gim.storage.memory.data import MemoryData
from gim.storage.memory.store import MemoryStore
from gim.storage.settings import MemorySettings
from gim.storage.storage_limits import StorageLimits

PER_SESSION = 100  # messages of a private session, on average
BUSY = 100  # sessions that are busy: what they touch fits in the caches of a CPU at any size
OPERATIONS = 1000  # of one kind in a round: few, so that ten rounds do not change the size much
COUNT = 20  # messages that a history query asks for
CONTENT = "." * 64


def no_limits(clock: IReactorTime) -> StorageLimits:
    zero: Any = dict.fromkeys(Limits.__struct_fields__, 0)
    return StorageLimits.of(Limits(**zero), LimitHits(is_enforced=True), clock)


def finish(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine of the memory store, which never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("the memory store waited")


class _Wall(WallClock):
    """A wall clock that goes with a clock moved by hand."""

    __slots__ = ("_clock",)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now_ms(self) -> int:
        return int(self._clock.seconds() * 1000)


class Filled:
    """A store with messages of many private sessions, stored in random order."""

    def __init__(self, size: int) -> None:
        self._random = random.Random(size)
        clock = Clock()
        clock.advance(1_800_000_000.0)
        settings = MemorySettings(
            max_session_messages=10_000,
            max_messages=2 * size + 10**6,
            ttl=30 * 86400.0,
            sequences=False,
        )
        self._store = MemoryStore(MemoryData(clock, _Wall(clock), settings, no_limits(clock)))
        self._pairs = [self._pair(number) for number in range(max(size // PER_SESSION, 1))]
        self._busy = self._random.sample(self._pairs, BUSY)
        self._middle: dict[str, str] = {}  # of each session, the id of a message amid the others
        for number in range(size):
            clock.advance(0.001)
            draft = self._random.choice(self._pairs)
            sent = finish(self._store.messages.append(draft))
            if number < size // 2 or draft.session.id not in self._middle:
                self._middle[draft.session.id] = sent.id

    def _pair(self, number: int) -> Draft:
        sender = User(f"a{number}", f"a{number}")
        return Draft(private_session(sender.id, f"b{number}"), sender, CONTENT)

    def measure(self) -> dict[str, dict[str, float]]:
        """Return the CPU that each kind of operation costs, in microseconds."""
        return {"busy": self._measure(self._busy), "any": self._measure(self._pairs)}

    def _measure(self, pairs: list[Draft]) -> dict[str, float]:
        drafts = self._random.choices(pairs, k=OPERATIONS)
        points = [(draft, self._middle[draft.session.id]) for draft in drafts if self._knows(draft)]
        append, history = self._store.messages.append, self._store.messages.history
        return {
            "append_us": cost(append, drafts),
            "newest_us": cost(lambda d: history(d.session, d.sender.id, None, COUNT), drafts),
            "before_us": cost(lambda p: history(p[0].session, p[0].sender.id, p[1], COUNT), points),
        }

    def _knows(self, draft: Draft) -> bool:
        return draft.session.id in self._middle


def cost(operation: Callable[[Any], Coroutine[Any, Any, Any]], arguments: Sequence[Any]) -> float:
    """Return the CPU of one call, in microseconds, on average."""
    began = time.process_time_ns()
    for argument in arguments:
        finish(operation(argument))
    return (time.process_time_ns() - began) / len(arguments) / 1000


if __name__ == "__main__":
    filled = Filled(int(sys.argv[1]))
    for _ in sys.stdin:
        print(json.dumps(filled.measure()), flush=True)
