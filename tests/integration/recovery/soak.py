"""100,000 messages over 50 restarts on one data directory: ``make recovery-soak``, not in ``make test``.

Each life of the server ends at a random point, most of them by SIGKILL. Half of them sync each second,
the others always, and a third has two workers. Variables of the environment: MESSAGES, RESTARTS, SEED.
"""

from __future__ import annotations

import os
import random

from twisted.internet import reactor

from tests.support.recovery.restarts import RestartsTestCase, lives

MESSAGES = int(os.environ.get("MESSAGES", "100000"))
RESTARTS = int(os.environ.get("RESTARTS", "50"))
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 2**31)


class SoakTests(RestartsTestCase):
    timeout = 1800

    async def test_nothing_acknowledged_is_lost_and_nothing_comes_twice(self) -> None:
        print(f"\nSEED={SEED}", flush=True)
        began = reactor.seconds()
        await self.begin(SEED)
        drawn = list(lives(random.Random(SEED), RESTARTS, MESSAGES))
        early = sum(life.seconds is not None for life in drawn)
        process = await self.run_lives(drawn, MESSAGES)
        figures = await self.settle()
        self.check_log(process)
        print(
            f"{RESTARTS} restarts, {early} of them while it started, {self.terminated} by SIGTERM, "
            f"in {reactor.seconds() - began:.0f} s\n{figures}"
        )
