"""Copies of a data directory, and what refuses them."""

from __future__ import annotations

import errno
import os
import shutil
from tempfile import mkdtemp
from unittest.mock import patch

from gim.journal.backup import Unfit, back_up, snapshot, survey_now
from gim.journal.directory import open_directory, read_meta
from gim.journal.files import LOG, path_of
from gim.journal.records import encode
from gim.startup import StartupError
from tests.support.journal.directories import DirectoryTestCase

SMALL = 4096  # bytes of a segment
RECORDS = [[1, f"{number:032x}"] for number in range(300)]


class BackupTests(DirectoryTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.parent = mkdtemp()
        self.addCleanup(shutil.rmtree, self.parent)
        self.to = os.path.join(self.parent, "copy")

    def test_a_server_can_start_on_a_copy(self) -> None:
        self.written(*RECORDS, segment_size=SMALL)
        found = back_up(self.path, self.to)
        self.assertEqual(found.problems, [])
        directory = open_directory(self.to)
        self.addCleanup(directory.close)
        self.assertEqual(len(directory.logs()), len(found.logs))

    def test_the_copy_is_another_data_set_with_the_same_key(self) -> None:
        self.written(*RECORDS)
        back_up(self.path, self.to)
        was, now = read_meta(self.path), read_meta(self.to)
        assert was is not None and now is not None
        self.assertNotEqual(now.epoch, was.epoch)
        self.assertEqual((now.token_key, now.created), (was.token_key, was.created))

    def test_it_is_made_while_a_server_runs(self) -> None:
        journal = self.journal(SMALL)
        for record in RECORDS:
            journal.append(encode(record))
        self.assertEqual(sum(log.records for log in back_up(self.path, self.to).logs), 300 + self.logs())

    def logs(self) -> int:
        """Return how many logs there are, each of which begins with a record of its own."""
        return len([name for name in os.listdir(self.path) if name.startswith(LOG)])

    def test_full_logs_are_links_and_what_happens_to_a_copy_leaves_the_source_alone(self) -> None:
        self.written(*RECORDS, segment_size=SMALL)
        before = {name: os.path.getsize(os.path.join(self.path, name)) for name in os.listdir(self.path)}
        back_up(self.path, self.to)
        self.assertEqual(os.stat(path_of(self.to, LOG, 1)).st_nlink, 2)
        self.path, source = self.to, self.path
        self.repaired()
        self.written(*RECORDS, segment_size=SMALL)
        self.path = source
        after = {name: os.path.getsize(os.path.join(self.path, name)) for name in os.listdir(self.path)}
        self.assertEqual(after, before)

    def test_links_are_on_the_disk(self) -> None:
        journal = self.journal(SMALL)
        for record in RECORDS:
            journal.append(encode(record))
        synced: list[int] = []
        with patch("os.fdatasync", side_effect=lambda file: synced.append(os.fstat(file).st_ino)):
            back_up(self.path, self.to)
        full = range(1, self.logs())
        self.assertEqual(synced, [os.stat(path_of(self.path, LOG, number)).st_ino for number in full])

    def test_on_another_file_system_all_files_are_copies(self) -> None:
        self.written(*RECORDS, segment_size=SMALL)
        with patch("os.link", side_effect=OSError(errno.EXDEV, "other device")):
            back_up(self.path, self.to)
        self.assertEqual(os.stat(path_of(self.to, LOG, 1)).st_nlink, 1)
        self.assertEqual(len(survey_now(self.to).logs), self.logs())

    def test_nothing_is_left_of_a_copy_that_fails(self) -> None:
        self.written(*RECORDS, segment_size=SMALL)
        with (
            patch("os.link", side_effect=OSError(errno.EIO, "broken")),
            self.assertRaises(OSError),
        ):
            back_up(self.path, self.to)
        self.assertFalse(os.path.exists(self.to))
        os.mkdir(self.to)
        with patch("os.link", side_effect=OSError(errno.EIO, "broken")), self.assertRaises(OSError):
            back_up(self.path, self.to)
        self.assertEqual(os.listdir(self.to), [])

    def test_a_full_disk_is_named(self) -> None:
        self.written(*RECORDS, segment_size=SMALL)
        full = OSError(errno.ENOSPC, "No space left on device")
        with patch("os.link", side_effect=full), self.assertRaises(OSError) as refused:
            back_up(self.path, self.to)
        self.assertEqual(refused.exception.filename, self.to)

    def test_a_damaged_directory_is_not_copied(self) -> None:
        self.written(*RECORDS, segment_size=SMALL)
        content = bytearray(self.content())
        content[100] ^= 1
        self.put(bytes(content))
        with self.assertRaisesRegex(Unfit, f"{self.path}/log-00000001.gim: the record at offset"):
            back_up(self.path, self.to)
        self.assertFalse(os.path.exists(self.to))

    def test_directories_that_do_not_fit(self) -> None:
        with self.assertRaisesRegex(Unfit, "holds no data of gim"):
            back_up(self.path, self.to)
        with self.assertRaisesRegex(Unfit, "is not a directory"):
            back_up(os.path.join(self.path, "missing"), self.to)
        self.written(*RECORDS)
        with self.assertRaisesRegex(Unfit, f"{self.parent}/missing does not exist: make it first"):
            back_up(self.path, os.path.join(self.parent, "missing", "copy"))
        with self.assertRaisesRegex(Unfit, "is not empty"):
            back_up(self.path, self.parent if os.listdir(self.parent) else self.path)
        os.unlink(os.path.join(self.path, "meta.json"))
        with self.assertRaises(StartupError):
            back_up(self.path, self.to)

    def test_a_snapshot_keeps_what_is_removed_meanwhile(self) -> None:
        self.written(*RECORDS, segment_size=SMALL)
        logs = self.logs()
        with snapshot(self.path, cuts=True) as copy:
            for name in os.listdir(self.path):
                os.unlink(os.path.join(self.path, name))
            found = survey_now(copy)
        self.assertEqual((len(found.logs), found.problems), (logs, []))
        self.assertFalse(os.path.exists(copy))
