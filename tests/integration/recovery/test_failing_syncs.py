"""Syncs that fail: the kernel may have dropped what it could not write, so the file is not trusted."""

from __future__ import annotations

import errno
import os
from typing import Any

from twisted.internet.defer import Deferred

from tests.support.disk.on_disk import OnDisk, OnDiskTestCase, brief
from tests.support.nodes.client import Client, HungUp
from tests.support.nodes.cluster_case import PRIVATE, eventually

ERROR = os.strerror(errno.EIO)


class FailingSyncs(OnDiskTestCase):
    """With a sync each second; what was acknowledged must outlive a SIGKILL, but not a power cut."""

    options: tuple[str, ...] = ("--sync", "200ms")

    def logs(self) -> set[str]:
        return {path.basename() for path in self.data.globChildren("log-*.gim")}

    async def begin(self) -> tuple[OnDisk, Client, list[dict[str, Any]]]:
        node = await self.serve(*self.options)
        ann = await self.at(node, "ann")
        return node, ann, [await self.send(ann, f"before {number}") for number in range(5)]

    async def crash(self, node: OnDisk) -> None:
        """End it in the worst way that must lose nothing."""
        await self.kill(node)

    async def test_after_one_that_failed_it_goes_on_in_a_new_file(self) -> None:
        node, ann, stored = await self.begin()
        before = self.logs()
        self.disk.fail("sync", errno.EIO, times=1)
        stored += [await self.send(ann, f"meanwhile {number}") for number in range(5)]
        await eventually(lambda: self.logs() - before, "a new file")
        stored += [await self.send(ann, f"after {number}") for number in range(5)]
        self.assertEqual(await node.reason(), "")
        self.assertIn(ERROR, node.said)
        await self.crash(node)
        node = await self.serve(*self.options)
        self.assertEqual(await self.history(await self.at(node, "ann")), [brief(item) for item in stored])
        self.assertNotIn("Traceback", node.said)

    async def test_when_they_fail_for_good_it_ends_with_one_line(self) -> None:
        node, ann, stored = await self.begin()
        self.disk.fail("sync", errno.EIO)
        last = Deferred.fromCoroutine(ann.attempt(201, type=PRIVATE, target_id="bob", content="last"))
        status = await node.process.exited
        try:
            answer = await last
        except HungUp:
            pass
        else:  # with a sync each second it is acknowledged before the next one fails
            stored += [{**answer.data, "content": "last"}] if answer.code == 0 else []
        self.assertEqual(status, 1, node.said)
        self.assertNotIn("Traceback", node.said)
        self.disk.heal()
        node = await self.serve(*self.options)
        found = await self.history(await self.at(node, "ann"))
        self.assertEqual(found[: len(stored)], [brief(item) for item in stored])
        self.assertLessEqual(len(found), 6)


class FailingSyncsAlwaysTests(FailingSyncs):
    """With a sync for each; what was acknowledged must outlive a power cut."""

    options = ("--sync", "always")

    async def crash(self, node: OnDisk) -> None:
        await super().crash(node)
        self.disk.cut_power()


class StartTests(OnDiskTestCase):
    async def test_a_disk_that_fails_at_the_start_is_said_in_one_line(self) -> None:
        self.disk.fill()
        self.assertIn(os.strerror(errno.ENOSPC), await self.refuses())
        self.disk.heal()
        self.disk.fail("create", errno.EROFS)
        self.assertIn(os.strerror(errno.EROFS), await self.refuses())
        self.disk.heal()
        self.disk.fail("sync", errno.EIO)
        self.assertIn(ERROR, await self.refuses())
        self.disk.heal()
        node = await self.serve()
        ann = await self.at(node, "ann")
        stored = await self.send(ann, "hello")
        await self.kill(node)
        self.disk.fail("write", errno.EIO)
        self.assertIn(ERROR, await self.refuses())
        self.disk.heal()
        node = await self.serve()
        self.assertEqual(await self.history(await self.at(node, "ann")), [brief(stored)])
