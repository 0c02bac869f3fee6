"""A disk that takes no more: messages are refused, all else goes on, and all is well afterwards."""

from __future__ import annotations

import errno
import os
import subprocess
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.python.filepath import FilePath

from tests.support.disk.on_disk import OnDisk, OnDiskTestCase, brief
from tests.support.nodes.client import Answer, Client
from tests.support.nodes.cluster_case import PRIVATE, SLACK, eventually

UNAVAILABLE = 503
FILLED_AHEAD = 256  # messages, more than the journal has filled a file ahead for
LONG = "." * 4000
RETRY = 1.0  # seconds between two attempts to write
FILLER = bytes(10_000)  # of which a file is made that fills the file system


class FullDisk(OnDiskTestCase):
    """The disk is full; other cases break it in another way."""

    options: tuple[str, ...] = ("--sync", "1s")
    says = os.strerror(errno.ENOSPC)

    def break_disk(self) -> None:
        self.disk.fill()

    def mend_disk(self) -> None:
        self.disk.heal()

    async def test_messages_are_refused_while_it_lasts_and_nothing_else(self) -> None:
        node = await self.serve(*self.options)
        ann, bob = await self.at(node, "ann"), await self.at(node, "bob")
        stored = [await self.send(ann, f"before {number}") for number in range(5)]
        _, login = await node.request("POST", "/v1/login", json={"id": "ann"})
        self.break_disk()
        refused = await self.until_refused(ann, stored)
        self.assertIn(self.says, refused.text)
        await self.check_meanwhile(node, ann, bob, login["token"])
        self.mend_disk()
        await self.check_afterwards(node, ann, bob, stored)
        await self.check_restart(node, ann, stored)

    async def until_refused(self, ann: Client, stored: list[dict[str, Any]]) -> Answer:
        """Send until there is no room; what was stored is added to *stored*."""
        for number in range(FILLED_AHEAD):
            content = f"{number} {LONG}"
            answer = await ann.attempt(201, type=PRIVATE, target_id="bob", content=content)
            if answer.code == UNAVAILABLE:
                return answer
            self.assertEqual(answer.code, 0, answer)
            stored.append({**answer.data, "content": content})
        raise AssertionError("nothing was refused")

    async def check_meanwhile(self, node: OnDisk, ann: Client, bob: Client, token: str) -> None:
        answer = await ann.attempt(201, **self.refused_body)
        self.assertEqual((answer.code, self.says in answer.text), (UNAVAILABLE, True), answer)
        status, text = await node.post("/v1/messages", token, self.refused_body)
        self.assertEqual((status, self.says in text), (UNAVAILABLE, True), text)
        self.assertEqual(await node.reason(), "storage")
        before = await self.history(ann)
        self.assertNotIn("refused", [item["content"] for item in before])
        cat = await self.at(node, "cat")  # has never been here
        self.assertEqual((await cat.ask(205, count=10))["items"], [])
        again = await self.at(node, "bob")
        self.assertEqual(await self.history(again), before)
        await again.hang_up()
        self.assertNotIn("refused", bob.contents())

    @property
    def refused_body(self) -> dict[str, Any]:
        return {"type": PRIVATE, "target_id": "bob", "content": "refused", "request_id": "refused"}

    async def check_afterwards(
        self, node: OnDisk, ann: Client, bob: Client, stored: list[dict[str, Any]]
    ) -> None:
        """See that the same message is taken soon, with its request_id, and once."""
        mended = reactor.seconds()
        while (answer := await ann.attempt(201, **self.refused_body)).code == UNAVAILABLE:
            self.assertLess(reactor.seconds() - mended, RETRY + SLACK)
            await deferLater(reactor, 0.02)
        self.assertEqual(answer.code, 0)
        stored.append({**answer.data, "content": "refused"})
        self.assertEqual((await ann.ask(201, **self.refused_body))["id"], answer.data["id"])
        self.assertEqual(await node.reason(), "")
        expected = [brief(item) for item in stored]
        await eventually(lambda: len(bob.items()) >= len(stored), "all pushes")
        self.assertEqual([brief(item) for item in bob.items()], expected)
        self.assertEqual(await self.history(ann), expected[-100:])

    async def check_restart(self, node: OnDisk, ann: Client, stored: list[dict[str, Any]]) -> None:
        epoch = (await ann.login("ann"))["epoch"]
        await self.kill(node)
        node = await self.serve(*self.options)
        bob = await self.at(node, "bob", since=stored[0]["id"], epoch=epoch)
        expected = [brief(item) for item in stored]
        await eventually(lambda: len(bob.items()) >= len(stored) - 1, "all that was missed")
        self.assertEqual([brief(item) for item in bob.items()], expected[1:])
        self.assertEqual(await self.history(bob), expected[-100:])
        _, login = await node.request("POST", "/v1/login", json={"id": "ann"})
        status, _ = await node.request("GET", "/v1/users/cat", login["token"])
        self.assertEqual(status, 200)  # who logged in meanwhile is kept, too


class FullDiskOfWorkersTests(FullDisk):
    worker_count = 2


class FullDiskSyncedAlwaysTests(FullDisk):
    options = ("--sync", "always")


class BrokenDiskTests(FullDisk):
    says = os.strerror(errno.EIO)

    def break_disk(self) -> None:
        self.disk.fail("write", errno.EIO)


class FullFileSystemTests(FullDisk):
    """A real file system that is full; where none can be mounted, the disk of the other cases."""

    def fresh_directory(self) -> FilePath[str]:
        directory = super().fresh_directory()
        words = ("mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", directory.path)
        self.is_mounted = subprocess.run(words, capture_output=True, timeout=10).returncode == 0
        if self.is_mounted:
            self.addCleanup(subprocess.run, ("umount", "-l", directory.path), check=True, timeout=10)
        return directory

    def break_disk(self) -> None:
        if not self.is_mounted:
            super().break_disk()
            return
        with open(self.data.child("filler").path, "wb", buffering=0) as filler:
            while True:
                try:
                    filler.write(FILLER)
                except OSError:
                    break

    def mend_disk(self) -> None:
        if not self.is_mounted:
            super().mend_disk()
        else:
            self.data.child("filler").remove()
