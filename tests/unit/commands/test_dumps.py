"""The commands dump and load, with data directories."""

from __future__ import annotations

import errno
import json
import os
import shutil
from tempfile import mkdtemp
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from gim.concurrency.clocks import WallClock
from tests.support.command import CommandTestCase, Run
from tests.support.dumps import Dump, live
from tests.support.journal.directories import DirectoryTestCase
from tests.support.journal.stores import JournalledStore


class DumpTestCase(CommandTestCase, DirectoryTestCase):
    def setUp(self) -> None:
        CommandTestCase.setUp(self)
        DirectoryTestCase.setUp(self)
        self.parent = mkdtemp()
        self.addCleanup(shutil.rmtree, self.parent)
        self.to, self.dump_file = (os.path.join(self.parent, name) for name in ("to", "gim.dump"))
        process = JournalledStore(self.path, Clock(), WallClock())
        self.successResultOf(Deferred.fromCoroutine(live(process.store)))
        process.close()

    def dump(self, path: str = "") -> Dump:
        return Dump(self.gim("dump", "--data-dir", path or self.path, "-q").out)


class DumpTests(DumpTestCase):
    def test_it_prints_lines_and_says_how_many(self) -> None:
        run = self.gim("dump", "--data-dir", self.path)
        self.assertEqual(run.status, 0, run.err)
        self.assertEqual(Dump(run.out).body, self.dump().body)
        self.assertEqual(
            run.err,
            "dumped 5 messages, 4 users, 1 private session, 2 chatrooms, 5 memberships, 2 bans\n",
        )

    def test_a_file_is_whole_or_not_there(self) -> None:
        self.said("dump", "--data-dir", self.path, "--output", self.dump_file, "-q")
        with open(self.dump_file) as file:
            self.assertEqual(Dump(file.read()).body, self.dump().body)
        self.assertEqual(os.stat(self.dump_file).st_mode & 0o777, 0o600)
        missing = os.path.join(self.parent, "missing")
        other = os.path.join(self.parent, "other")
        self.refused("dump", "--data-dir", missing, "--output", other)
        self.assertEqual(os.listdir(self.parent), ["gim.dump"])

    def test_a_pipe_stays_a_pipe_and_a_link_a_link(self) -> None:
        os.mkfifo(self.dump_file)
        pipe = os.open(self.dump_file, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, pipe)
        self.said("dump", "--data-dir", self.path, "--output", self.dump_file, "-q")
        self.assertEqual(Dump(os.read(pipe, 2**20).decode()).body, self.dump().body)
        link = os.path.join(self.parent, "link")
        os.symlink("behind", link)
        self.said("dump", "--data-dir", self.path, "--output", link, "-q")
        self.assertEqual(os.readlink(link), "behind")
        self.assertTrue(os.path.isfile(os.path.join(self.parent, "behind")))
        lacking = os.path.join(self.parent, "missing", "gim.dump")
        error = self.refused("dump", "--data-dir", self.path, "--output", lacking)
        self.assertIn(f"{lacking}: No such file or directory", error)

    def test_a_full_disk_is_named(self) -> None:
        full = OSError(errno.ENOSPC, "No space left on device")
        with patch("os.fsync", side_effect=full):
            said = self.refused("dump", "--data-dir", self.path, "--output", self.dump_file)
        self.assertEqual(said, f"gim: {self.dump_file}: No space left on device")
        self.assertEqual(os.listdir(self.parent), [])

    def test_options_may_stand_in_the_environment_and_in_a_file(self) -> None:
        self.environment["GIM_CONFIG"] = self.file("gim.toml", f'data-dir = "{self.path}"\n')
        self.assertEqual(Dump(self.said("dump", "-q")).body, self.dump().body)

    def test_what_to_dump_must_be_named_once(self) -> None:
        self.assertIn("name a --data-dir, or a --redis-url", self.refused("dump", status=2))
        both = "--data-dir", self.path, "--redis-url", "redis://127.0.0.1"
        self.assertIn("name one of them", self.refused("dump", *both, status=2))


class StatsTests(DumpTestCase):
    def test_it_counts_by_file_and_by_kind(self) -> None:
        found = json.loads(self.said("log", "stats", self.path, "--json"))
        self.assertEqual((found["messages"], found["live_messages"]), (5, 5))
        self.assertEqual([file["file"] for file in found["files"]], ["log-00000001.gim"])
        kinds = {kind["kind"]: kind["records"] for kind in found["kinds"]}
        self.assertEqual((kinds["message"], kinds["recall"], kinds["begin of a log"]), (5, 1, 1))
        self.assertEqual(sum(kinds.values()), found["records"])
        self.assertEqual(sum(kind["bytes"] for kind in found["kinds"]) + 8, found["bytes"])
        self.assertLessEqual(found["oldest"], found["newest"])

    def test_as_text(self) -> None:
        lines = self.said("log", "stats", self.path).splitlines()
        self.assertRegex(lines[0], r"^format 1, epoch [0-9a-f]{16}, made ")
        self.assertRegex(lines[1], r"^FILE +BYTES +RECORDS +MESSAGES +LIVE +OLDEST +NEWEST$")
        self.assertRegex(lines[3], r"^total +[\d,]+ +\d+ +5 +5 +2")

    def test_what_does_not_live(self) -> None:
        process = JournalledStore(self.path, Clock(), WallClock())
        self.successResultOf(Deferred.fromCoroutine(process.store.moderation.dismiss("room", ".")))
        process.close()
        found = json.loads(self.said("log", "stats", self.path, "--json"))
        self.assertEqual((found["messages"], found["live_messages"]), (5, 3))
        self.assertEqual(found["files"][0]["live_messages"], 3)

    def test_a_damaged_directory_is_refused(self) -> None:
        content = bytearray(self.content())
        content[100] ^= 1
        self.put(bytes(content))
        self.assertIn("gim log verify", self.refused("log", "stats", self.path))


class LoadTests(DumpTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.said("dump", "--data-dir", self.path, "--output", self.dump_file, "-q")

    def load(self, *words: str) -> Run:
        return self.gim("load", "--data-dir", self.to, *words)

    def test_a_dump_makes_a_directory(self) -> None:
        run = self.load("--input", self.dump_file)
        self.assertEqual((run.status, run.out), (0, ""), run.err)
        self.assertIn("loaded 5 messages, 4 users", run.err)
        self.assertEqual(self.dump(self.to).body, self.dump().body)
        self.assertNotEqual(self.dump(self.to).head["epoch"], self.dump().head["epoch"])

    def test_the_epoch_may_stay(self) -> None:
        run = self.load("--input", self.dump_file, "--keep-epoch", "--json")
        self.assertEqual(json.loads(run.out)["message"], 5)
        self.assertEqual(self.dump(self.to).head["epoch"], self.dump().head["epoch"])

    def test_nothing_is_loaded_of_a_bad_dump(self) -> None:
        with open(self.dump_file) as file:
            lines = file.readlines()
        for bad, said in (
            (lines[:-1], f"cut off behind line {len(lines) - 1}"),
            ([*lines[:2], "{\n", *lines[2:]], "line 3: it is not a line of a dump"),
            (lines[1:], "line 1: it is not the first line of a dump"),
        ):
            run = self.load("--input", self.file("bad", "".join(bad)))
            self.assertEqual(run.status, 1)
            self.assertIn(said, run.err)
            self.assertIn("Nothing was loaded", run.err)
            self.assertFalse(os.path.exists(self.to))

    def test_a_directory_with_data_is_refused(self) -> None:
        run = self.gim("load", "--data-dir", self.path, "--input", self.dump_file)
        self.assertEqual(run.status, 1)
        self.assertIn("is not empty", run.err)
