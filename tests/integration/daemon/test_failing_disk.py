"""The disk that fails does what its tests rely on, as a program in Python sees it."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys

from twisted.python.filepath import FilePath
from twisted.trial.unittest import SynchronousTestCase

from tests.support.disk.failing_disk import MISSING, PAGE_BYTES, FailingDisk

OPEN = "import mmap, os; f = os.open('log', os.O_RDWR | os.O_CREAT, 0o600)\n"
SAID = """
def says(function, *args):
    try:
        print(function(*args))
    except OSError as e:
        print(e.errno)
"""


class FailingDiskTestCase(SynchronousTestCase):
    skip = MISSING

    def setUp(self) -> None:
        self.directory = FilePath(os.path.abspath(self.mktemp()))
        self.directory.makedirs()
        beside = FilePath(self.mktemp())
        beside.makedirs()
        self.disk = FailingDisk(self.directory, beside)

    def run_program(self, program: str) -> list[int]:
        """Run a program in the directory, and return the numbers that it prints."""
        words = [sys.executable, "-c", OPEN + SAID + program]
        done = subprocess.run(
            words,
            cwd=self.directory.path,
            env=os.environ | self.disk.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.stderr, "")
        return [int(word) for word in done.stdout.split()]


class FaultTests(FailingDiskTestCase):
    def test_nothing_fails_unless_a_test_says_so(self) -> None:
        said = self.run_program(
            "says(os.pwrite, f, b'abc', 0); says(os.write, f, b'abcd')\n"
            "os.fdatasync(f); os.rename('log', 'new')"
        )
        self.assertEqual(said, [3, 4])
        self.assertEqual([self.disk.seen(kind) for kind in ("write", "sync", "rename")], [2, 1, 1])
        self.assertEqual(self.directory.child("new").getContent(), b"abcd")

    def test_the_nth_calls_fail(self) -> None:
        self.disk.fail("write", errno.EIO, after=1, times=2)
        said = self.run_program("for _ in range(5): says(os.pwrite, f, b'a', 0)")
        self.assertEqual(said, [1, errno.EIO, errno.EIO, 1, 1])

    def test_each_kind_of_call_fails_by_itself(self) -> None:
        calls = {
            "sync": "os.fsync, f",
            "create": "os.open, 'other', os.O_CREAT",
            "rename": "os.unlink, 'log'",
            "truncate": "os.ftruncate, f, 0",
        }
        for kind in "sync", "create", "rename", "truncate":
            self.disk.heal()
            self.disk.fail(
                kind, errno.EROFS, after=1 if kind == "create" else 0
            )  # the log is opened before
            said = self.run_program(f"says({calls[kind]}); says(os.pwrite, f, b'a', 0)")
            self.assertEqual(said, [errno.EROFS, 1], kind)

    def test_a_full_disk_takes_what_has_room(self) -> None:
        self.disk.fill(room=10)
        said = self.run_program(
            "for at in 0, 0, 6, 10, 2: says(os.pwrite, f, bytes(8), at)\n"
            "says(os.posix_fallocate, f, 0, 20)"
        )
        self.assertEqual(said, [8, 8, 4, errno.ENOSPC, 8, errno.ENOSPC])

    def test_other_files_are_on_another_disk(self) -> None:
        self.disk.fail("write", errno.EIO)
        other = FilePath(os.path.abspath(self.mktemp())).path
        self.assertEqual(
            self.run_program(f"says(os.write, os.open({other!r}, os.O_CREAT | os.O_RDWR), b'a')"), [1]
        )

    def test_a_slow_disk_takes_its_time(self) -> None:
        self.disk.delay("sync", 0.3)
        (millis,) = self.run_program(
            "from time import monotonic as now\n"
            "began = now(); os.fdatasync(f); print(round((now() - began) * 1000))"
        )
        self.assertGreaterEqual(millis, 300)


class PowerTests(FailingDiskTestCase):
    MAPPED = f"os.pwrite(f, bytes(2 * {PAGE_BYTES}), 0); m = mmap.mmap(f, 0); m[:1] = b'a'\n"

    def names(self) -> list[str]:
        return sorted(path.basename() for path in self.directory.children())

    def test_a_power_cut_takes_what_was_not_synced(self) -> None:
        self.run_program(
            self.MAPPED
            + "os.fdatasync(f); os.fsync(os.open('.', os.O_RDONLY)); m[1:2] = b'b'; open('new', 'w')"
        )
        self.assertEqual(self.directory.child("log").getContent()[:2], b"ab")
        self.disk.cut_power()
        self.assertEqual(self.names(), ["log"])
        self.assertEqual(self.directory.child("log").getContent(), b"a".ljust(2 * PAGE_BYTES, b"\0"))

    def test_a_file_whose_name_was_not_synced_is_gone(self) -> None:
        self.run_program(self.MAPPED + "os.fdatasync(f)")
        self.disk.cut_power()
        self.assertEqual(self.names(), [])

    def test_a_file_replaced_without_a_sync_of_its_directory_is_the_old_one(self) -> None:
        self.directory.child("meta").setContent(b"old")  # before the first process: on the disk
        self.run_program(
            "n = os.open('tmp', os.O_CREAT | os.O_WRONLY)\n"
            "os.write(n, b'new'); os.fsync(n); os.rename('tmp', 'meta')"
        )
        self.disk.cut_power()
        self.assertEqual(self.directory.child("meta").getContent(), b"old")

    def test_an_unsynced_page_may_reach_the_disk_while_an_earlier_one_does_not(self) -> None:
        self.run_program(self.MAPPED + "os.fdatasync(f); os.fsync(os.open('.', os.O_RDONLY))")
        written, found = b"b" * (2 * PAGE_BYTES), set()
        for seed in range(12):
            self.run_program(f"os.pwrite(f, {written!r}, 0)")
            self.disk.cut_power(random.Random(seed))
            content = self.directory.child("log").getContent()
            found.add((content[:1], content[PAGE_BYTES : PAGE_BYTES + 1]))
            self.run_program("os.pwrite(f, bytes(8192), 0); os.fdatasync(f)")
        self.assertIn((b"\0", b"b"), found)
        self.assertIn((b"b", b"\0"), found)

    def test_a_second_power_cut_counts_from_the_first(self) -> None:
        self.run_program(
            "os.pwrite(f, b'a', 0); os.fdatasync(f); os.fsync(os.open('.', os.O_RDONLY))\n"
            "os.pwrite(f, b'b', 0)"
        )
        self.disk.cut_power()
        self.run_program("os.pwrite(f, b'c', 0)")
        self.disk.cut_power()
        self.assertEqual(self.directory.child("log").getContent(), b"a")
