"""Power cuts of a daemon: what reached the disk is what was synced, and some of the rest by chance."""

from __future__ import annotations

import random

from gim.concurrency.gather import gather
from tests.support.disk.on_disk import OnDiskTestCase, brief
from tests.support.nodes.client import Client

CUTS = 4
MESSAGES = 60  # that are sent before each


class PowerCutTests(OnDiskTestCase):
    """A daemon that is one process."""

    options: tuple[str, ...] = ()

    async def test_synced_always_nothing_that_was_acknowledged_is_lost(self) -> None:
        dice = random.Random(1)
        stored: list[dict[str, object]] = []
        for cut in range(CUTS):
            node = await self.accept("--sync", "always", *self.options)
            ann = await self.at(node, "ann")
            await self.check(ann, stored)
            stored += await gather(self.send(ann, f"{cut} {number}") for number in range(MESSAGES))
            await self.kill(node)
            self.assertNotIn("Traceback", node.said)
            self.disk.cut_power(dice if cut % 2 else None)
        node = await self.accept("--sync", "always", *self.options)
        await self.check(await self.at(node, "ann"), stored)

    async def check(self, ann: Client, stored: list[dict[str, object]]) -> None:
        self.assertEqual(await self.history(ann), [brief(item) for item in stored][-100:])


class WorkerPowerCutTests(PowerCutTests):
    """Workers, whose parent has the data."""

    options = ("--gateway-worker", "2")
