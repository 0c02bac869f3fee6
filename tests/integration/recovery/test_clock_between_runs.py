"""The clock is set while no server runs: ids and sequences go on, and nothing expires or is lost."""

from __future__ import annotations

import os

from tests.support.clocks import DAY, HOUR
from tests.support.disk.on_disk import OnDiskTestCase, brief
from tests.support.nodes.cluster_case import eventually
from tests.support.redis.environment import SKEW_MISSING, move_clock, skew_library


class ClockBetweenRunsTests(OnDiskTestCase):
    skip = SKEW_MISSING

    def setUp(self) -> None:
        self.data = self.fresh_directory()
        self.skew = self.fresh_directory().child("skew").path
        move_clock(self.skew, 0)
        self.environment = {"LD_PRELOAD": os.path.abspath(skew_library()), "TEST_SKEW": self.skew}

    async def test_ids_and_sequences_go_on(self) -> None:
        stored = []
        point = {}
        for number, step in enumerate((0, -HOUR, -400 * DAY, 401 * DAY)):
            move_clock(self.skew, step)
            node = await self.serve("--message-ttl", "30d")
            ann = await self.at(node, "ann")
            stored += [await self.send(ann, f"{number} {n}") for n in range(3)]
            bob, answer = await self.comes(node, "bob", **point)
            if point:
                self.assertEqual((answer["recovered"], answer["epoch"]), (True, point["epoch"]))
                await eventually(lambda bob=bob: len(bob.items()) >= 3, "what was missed")
                contents = [item["content"] for item in stored[-3:]]
                self.assertEqual(bob.contents()[:3], contents)
            point = {"since": stored[-1]["id"], "epoch": answer["epoch"]}
            await self.kill(node)
        ids = [item["id"] for item in stored]
        self.assertEqual(ids, sorted(ids))
        self.assertEqual([item["sequence"] for item in stored], list(range(1, len(stored) + 1)))
        node = await self.serve("--message-ttl", "30d")
        found = await self.history(await self.at(node, "ann"))
        self.assertEqual(found, [brief(item) for item in stored])
