"""The same random steps on each set-up, always the same ones; make differential tries others."""

from __future__ import annotations

from typing import Any

from tests.integration.differential.comparison import Difference
from tests.integration.differential.dice import Dice
from tests.integration.differential.received import Received
from tests.integration.differential.search import search
from tests.integration.differential.setups import ComparisonCase
from tests.integration.differential.shrinking import shrink
from tests.integration.differential.side import Side
from tests.integration.differential.steps import Step

MARK_READ = 209


class AlikeTests(ComparisonCase):
    """Sequences that are the same each time."""

    async def check(self, setup: str, profile: str, seed: int) -> None:
        comparison = await self.comparison(setup, profile)
        found = await search(comparison, [seed], 150, profile)
        self.assertIsNone(found, found)

    async def test_three_workers_answer_as_one_process_does(self) -> None:
        await self.check("workers", "webhooks", 5)

    async def test_two_workers_on_redis_answer_as_memory_does(self) -> None:
        await self.check("redis-workers", "sequences", 6)

    async def test_one_server_answers_as_memory_does(self) -> None:
        await self.check("redis", "sequences", 1)

    async def test_two_nodes_answer_as_memory_does(self) -> None:
        await self.check("nodes", "webhooks", 2)

    async def test_a_cluster_answers_as_memory_does(self) -> None:
        await self.check("cluster", "trimming", 3)


class Forgetful(Side):
    """Counts a message too many as unread."""

    async def take(self, step: Step) -> Any:
        answers = await super().take(step)
        for answer in answers or ():
            if step.op == MARK_READ and answer["body"]["code"] == 0:
                answer["body"]["data"]["unread"] += 1
        return answers


class Deaf(Side):
    """Gets no events of mutes."""

    def received(self) -> Received:
        received = super().received()
        for got in received.values():
            if "events" in got:
                got["events"] = [event for event in got["events"] if event["type"] != "muted"]
        return received


class SearchTests(ComparisonCase):
    """Whether a difference is found."""

    async def test_a_planted_difference_is_found_and_reduced_to_the_steps_that_it_takes(self) -> None:
        comparison = await self.comparison("redis", "limits")
        comparison.sides[1].__class__ = Deaf
        found = await comparison.run(Dice(4).steps(400), patience=0)
        assert isinstance(found, Difference)
        self.assertIn("muted", str(found.values[0]))
        comparison.sides[1].__class__ = Forgetful
        found = await comparison.run(Dice(4).steps(400))
        assert isinstance(found, Difference)
        found = await shrink(comparison, found)
        *before, last = found.steps
        self.assertEqual((last.op, found.what), (MARK_READ, "the answer"))
        self.assertLess(len(before), 6, before)
        first, second = (value[0]["body"]["data"]["unread"] for value in found.values)
        self.assertEqual(first + 1, second)
