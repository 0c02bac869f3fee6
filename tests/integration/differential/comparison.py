"""The comparison of two sides, step by step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Any

from msgspec import Struct
from twisted.internet import reactor
from twisted.internet.task import deferLater

from gim.concurrency.gather import gather
from tests.integration.differential.allowed import is_allowed
from tests.integration.differential.members import Members
from tests.integration.differential.side import Side
from tests.integration.differential.steps import Step

PATIENCE = 10.0  # seconds in which the sides become alike: statistics are two seconds old
PAUSE = 0.02  # seconds between two comparisons

Found = tuple[str, tuple[Any, ...]] | None  # what differs, and both values


class Difference(Struct, frozen=True):
    """What differs after the last of *steps*, such as the answer to it, or what a device got."""

    steps: Sequence[Step]
    what: str
    values: tuple[Any, ...]


class Comparison:
    """Takes steps on both sides."""

    _runs = count()

    def __init__(self, memory: Side, other: Side) -> None:
        self.sides = memory, other

    async def run(self, steps: Sequence[Step], patience: float = PATIENCE) -> Difference | None:
        """Take the steps with users and chatrooms that are new; return the first difference."""
        prefix = f"{next(self._runs):04x}"
        await gather(side.begin(prefix) for side in self.sides)
        members = Members()
        for number, step in enumerate(steps, 1):
            found = await self._take(step, members, patience)
            if found is not None:
                return Difference(steps[:number], *found)
        found = await self._until_alike(patience, self._webhooks)
        return Difference(steps, *found) if found else None

    async def _webhooks(self) -> Found:
        return _unlike("the webhooks", [side.told() for side in self.sides])

    async def statistics(self) -> Difference | None:
        """Compare the statistics, in which all runs count."""
        found = await self._until_alike(PATIENCE, self._statistics)
        return Difference((), *found) if found else None

    async def _statistics(self) -> Found:
        return _unlike("the statistics", await gather(side.counted() for side in self.sides))

    async def _take(self, step: Step, members: Members, patience: float) -> Found:
        online = [side.online() for side in self.sides]
        answers = await gather(side.take(step) for side in self.sides)
        found = _unlike("the answer", answers)
        if found is not None and not is_allowed(self.sides[1].name, step, *answers):
            return found
        members.note(step, [_is_success(answer) for answer in answers[0] or ()])
        if step.changes_nothing:
            return None
        await gather(side.rest(members) for side in self.sides)
        found = await self._until_alike(patience, self._received, step)
        for side, before in zip(self.sides, online, strict=True):
            await side.go_offline(before - side.online())
            side.forget_received()
        return found

    async def _received(self, step: Step) -> Found:
        first, second = (side.received() for side in self.sides)
        for name in first | second:
            values = first.get(name), second.get(name)
            found = _unlike(f"what {name} got", values)
            if found is not None and not is_allowed(self.sides[1].name, step, *values):
                return found
        return None

    async def _until_alike(
        self, patience: float, check: Callable[..., Awaitable[Found]], *words: Any
    ) -> Found:
        """Return what a check finds after *patience* seconds in which it may come to find nothing."""
        until = reactor.seconds() + patience
        while (found := await check(*words)) is not None and reactor.seconds() < until:
            await deferLater(reactor, PAUSE)
        return found


def _unlike(what: str, values: Sequence[Any]) -> Found:
    return None if values[0] == values[1] else (what, tuple(values))


def _is_success(answer: Any) -> bool:
    return bool(answer.get("body", answer)["code"] == 0)
