"""Acknowledged messages on a data directory whose server ends at random points: some seconds of it."""

from __future__ import annotations

from random import Random

from tests.support.recovery.restarts import RestartsTestCase, lives

SEED = 1
RESTARTS = 6
MESSAGES = 3000


class RestartsTests(RestartsTestCase):
    timeout = 120

    async def test_nothing_acknowledged_is_lost_and_nothing_comes_twice(self) -> None:
        await self.begin(SEED)
        drawn = list(lives(Random(SEED), RESTARTS, MESSAGES))
        process = await self.run_lives(drawn, MESSAGES)
        await self.settle()
        self.check_log(process)
