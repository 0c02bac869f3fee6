"""gim dump and gim load as processes, with a real Redis."""

from __future__ import annotations

import os
import shutil
from tempfile import mkdtemp
from typing import Any

from twisted.internet.task import Clock
from twisted.python.filepath import FilePath

from gim.concurrency.clocks import WallClock
from tests.support.daemon_process import SCRIPTS, DaemonTestCase
from tests.support.dumps import Dump, dump_of_directory, live
from tests.support.journal.stores import JournalledStore
from tests.support.redis.server import MISSING, RedisServer
from tests.support.redis.setups import ClusterSetup


class DumpCommandTestCase(DaemonTestCase):
    skip = MISSING
    redis: Any  # a server, or several

    async def setUp(self) -> None:  # type: ignore[override]
        self.parent = mkdtemp()
        self.addCleanup(shutil.rmtree, self.parent)
        self.dump_file = os.path.join(self.parent, "gim.dump")
        self.redis = await self.started()

    async def started(self) -> Any:
        server = RedisServer(FilePath(self.mktemp()), password="s3cret")
        self.addCleanup(server.stop)
        await server.start()
        return server

    async def gim(self, *words: str, status: int = 0) -> tuple[str, str]:
        """Run a command to its end; return what it wrote on both outputs."""
        process = self.spawn("gim", *words, GIM_REDIS_URL=self.redis.url, GIM_STORAGE="redis")
        found = await process.exited
        self.assertEqual(found, status, process.output)
        return process.output[1], process.output[2]

    async def lived(self) -> Dump:
        """Write the dump of a data directory to a file; return it."""
        path = os.path.join(self.parent, "data")
        os.mkdir(path)
        process = JournalledStore(path, Clock(), WallClock())
        await live(process.store)
        process.close()
        dump = dump_of_directory(path, WallClock())
        with open(self.dump_file, "w") as file:
            file.write(dump.text)
        return dump


class DumpCommandTests(DumpCommandTestCase):
    """With one server."""

    async def test_a_dump_goes_into_redis_and_comes_out_again(self) -> None:
        dump = await self.lived()
        _, said = await self.gim("load", "--input", self.dump_file)
        self.assertIn("loaded 5 messages, 4 users", said)
        out, said = await self.gim("dump")
        self.assertEqual(Dump(out).body, dump.body)
        self.assertIn("dumped 5 messages, 4 users", said)
        _, said = await self.gim("load", "--input", self.dump_file)
        self.assertIn("this dump is loaded already", said)

    async def test_data_keeps_a_dump_out_unless_the_prefix_is_another(self) -> None:
        await self.lived()
        await self.gim("load", "--input", self.dump_file)
        other = os.path.join(self.parent, "other")
        await self.gim("dump", "--output", other)
        _, said = await self.gim("load", "--input", other, status=1)
        self.assertIn("there is data below this prefix", said)
        await self.gim("load", "--input", other, "--redis-prefix", "second")

    async def test_a_pipe_that_breaks_off_leaves_nothing_that_a_server_uses(self) -> None:
        await self.lived()
        pipe = f"head -n 9 {self.dump_file} | {SCRIPTS.child('gim').path} load"
        environment = {"GIM_REDIS_URL": self.redis.url, "GIM_STORAGE": "redis"}
        process = self.spawn("/bin/sh", "-c", pipe, **environment)
        self.assertEqual(await process.exited, 1)
        self.assertIn("cut off behind line 9", process.output[2])
        self.assertIn("which no server uses", process.output[2])
        _, said = await self.gim("dump", status=1)
        self.assertIn("a dump was loaded halfway here", said)
        await self.gim("load", "--input", self.dump_file)

    async def test_what_is_not_there(self) -> None:
        _, said = await self.gim("dump", status=1)
        self.assertIn("no data of gim is below this prefix", said)
        await self.redis.stop()
        _, said = await self.gim("dump", status=3)
        self.assertIn("can't reach Redis at", said)
        self.assertNotIn("s3cret", said)


class ClusterDumpCommandTests(DumpCommandTestCase):
    """The same with a cluster of three masters."""

    async def started(self) -> Any:
        cluster = ClusterSetup(FilePath(self.mktemp()))
        self.addCleanup(cluster.stop)
        await cluster.start()
        return cluster

    async def test_a_dump_goes_into_a_cluster_and_comes_out_again(self) -> None:
        dump = await self.lived()
        await self.gim("load", "--input", self.dump_file)
        out, _ = await self.gim("dump")
        self.assertEqual(Dump(out).body, dump.body)
