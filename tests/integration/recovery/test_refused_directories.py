"""Data directories that a daemon does not take: it says why in one line, and ends with status 1."""

from __future__ import annotations

import json
import os
import signal
from pwd import getpwnam
from tempfile import mkdtemp

from twisted.python.filepath import FilePath

from tests.support.disk.on_disk import OnDiskTestCase, brief

NOBODY = getpwnam("nobody")
IS_ROOT = os.geteuid() == 0
NEWER = 2  # a format


class RefusedDirectoryTests(OnDiskTestCase):
    skip = None
    starts_afresh = False  # its disk does not fail

    def setUp(self) -> None:
        self.data = self.fresh_directory()
        self.environment = {}

    def run_as_nobody(self) -> None:
        """Take a directory of another user, and let daemons become that user; only root can."""
        self.data = FilePath(mkdtemp())  # with no directory above that this user may not enter
        self.addCleanup(self.data.remove)
        if IS_ROOT:
            os.chown(self.data.path, NOBODY.pw_uid, NOBODY.pw_gid)
            user = ("--uid", str(NOBODY.pw_uid), "--gid", str(NOBODY.pw_gid))
            self.script = ("twistd", "-n", "--pidfile=", *user, "gim")

    async def write_something(self) -> None:
        node = await self.serve()
        await self.send(await self.at(node, "ann"), "hello")
        await self.kill(node)

    async def test_one_that_is_not_there_or_is_a_file(self) -> None:
        self.data.remove()
        self.assertIn("does not exist", await self.refuses())
        self.data.setContent(b"")
        self.assertIn("not a directory", await self.refuses())

    async def test_one_that_another_process_uses(self) -> None:
        node = await self.serve()
        ann = await self.at(node, "ann")
        stored = await self.send(ann, "hello")
        pid = str(node.process.transport.pid)
        self.assertIn(pid, await self.refuses())
        await self.send(ann, "the first goes on")
        await self.kill(node)
        node = await self.serve()
        ann = await self.at(node, "ann")
        self.assertEqual((await self.history(ann))[0], brief(stored))
        node.process.signal(signal.SIGTERM)
        self.assertEqual(await node.process.exited, 0)
        await self.serve()

    async def test_one_of_a_newer_format(self) -> None:
        await self.write_something()
        meta = self.data.child("meta.json")
        content = meta.getContent()
        meta.setContent(json.dumps(json.loads(content) | {"format": NEWER}).encode())
        said = await self.refuses()
        self.assertIn(f"format {NEWER}", said)
        self.assertIn("knows 1", said)
        meta.setContent(content)
        log = self.data.child("log-00000001.gim")
        log.setContent(b"GIMLOG\0" + bytes([NEWER]) + log.getContent()[8:])
        self.assertIn("log-00000001.gim", await self.refuses())

    async def test_one_without_its_meta_file(self) -> None:
        await self.write_something()
        self.data.child("meta.json").remove()
        self.assertIn("meta.json", await self.refuses())

    async def test_one_of_another_owner(self) -> None:
        if not IS_ROOT:  # the directory of root is foreign enough
            self.data = FilePath("/")
        else:
            os.chown(self.data.path, NOBODY.pw_uid, NOBODY.pw_gid)
        before = self.data.listdir()
        self.assertIn("belongs to", await self.refuses())
        self.assertEqual(self.data.listdir(), before)

    async def test_one_that_may_only_be_read(self) -> None:
        self.run_as_nobody()  # as root may write everywhere
        self.data.chmod(0o500)
        self.addCleanup(self.data.chmod, 0o700)
        self.assertIn("written", await self.refuses())

    async def test_one_of_the_user_that_it_becomes(self) -> None:
        self.run_as_nobody()  # who may not read all modules, such as those that a request over HTTP needs
        node = await self.accept()
        stored = await self.send(await self.at(node, "ann"), "hello")
        await self.kill(node)
        owners = {os.stat(path.path).st_uid for path in self.data.children()}
        self.assertEqual(owners, {NOBODY.pw_uid if IS_ROOT else os.geteuid()})
        node = await self.accept()
        self.assertEqual(await self.history(await self.at(node, "ann")), [brief(stored)])
