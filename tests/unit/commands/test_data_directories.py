"""The commands for data directories: log and backup."""

from __future__ import annotations

import json
import os
import shutil
from tempfile import mkdtemp
from typing import Any

from tests.support.command import CommandTestCase
from tests.support.journal.directories import DirectoryTestCase

RECORDS = [[1, f"{number:032x}"] for number in range(300)]
SMALL = 4096  # bytes of a segment


class DataDirectoryTestCase(CommandTestCase, DirectoryTestCase):
    def setUp(self) -> None:
        CommandTestCase.setUp(self)
        DirectoryTestCase.setUp(self)
        self.parent = mkdtemp()
        self.addCleanup(shutil.rmtree, self.parent)
        self.to = os.path.join(self.parent, "copy")

    def spoil(self, offset: int, number: int = 1) -> None:
        content = bytearray(self.content(number))
        content[offset] ^= 1
        self.put(bytes(content), number)


class VerifyTests(DataDirectoryTestCase):
    def rows(self, status: int = 0) -> list[dict[str, Any]]:
        run = self.gim("log", "verify", self.path, "--json")
        self.assertEqual(run.status, status, run.err)
        return [json.loads(line) for line in run.out.splitlines()]

    def test_a_clean_directory(self) -> None:
        self.written(*RECORDS)
        size = len(self.content())
        self.assertEqual(
            self.said("log", "verify", self.path),
            f"FILE              RECORDS   BYTES  VERDICT\nlog-00000001.gim      303  {size:,}  clean\n",
        )
        self.assertEqual(
            self.rows(),
            [
                {
                    "file": "log-00000001.gim",
                    "verdict": "clean",
                    "records": 303,
                    "bytes": size,
                    "valid": size,
                    "next_valid": None,
                }
            ],
        )

    def test_a_torn_end_is_a_0(self) -> None:
        self.written(*RECORDS)
        self.put(self.content()[:-3])
        run = self.gim("log", "verify", self.path)
        self.assertEqual(run.status, 0)
        self.assertRegex(run.out, r"torn: \d+ bytes behind offset \d+ are not a record\n")
        self.assertIn("what a crash leaves", run.err)

    def test_damage_is_a_1_and_says_where(self) -> None:
        self.written(*RECORDS)
        self.spoil(1000)
        (row,) = self.rows(status=1)
        self.assertEqual(row["verdict"], "damaged")
        self.assertTrue(row["valid"] <= 1000 < row["next_valid"])
        run = self.gim("log", "verify", self.path)
        self.assertIn(f"damaged at offset {row['valid']}, the next valid record is at", run.out)
        self.assertEqual(run.err, "gim: damaged or missing files: 1 of 1\n")

    def test_a_missing_file_is_a_1(self) -> None:
        self.written(*RECORDS, segment_size=SMALL)
        os.unlink(os.path.join(self.path, "log-00000002.gim"))
        rows = self.rows(status=1)
        (missing,) = [row for row in rows if row["verdict"] == "missing"]
        self.assertEqual(missing["file"], "log-00000002.gim")

    def test_it_looks_at_a_directory_in_use_and_leaves_it_alone(self) -> None:
        journal = self.journal()
        before = os.stat(self.log()).st_mtime_ns, sorted(os.listdir(self.path))
        (row,) = self.rows()
        self.assertEqual((row["verdict"], row["bytes"]), ("clean", journal.position[1]))
        self.assertEqual((os.stat(self.log()).st_mtime_ns, sorted(os.listdir(self.path))), before)

    def test_what_is_no_data_directory(self) -> None:
        for path, said in (self.path, "holds no data of gim"), ("nowhere", "is not a directory"):
            self.assertIn(said, self.refused("log", "verify", path))
        self.written(*RECORDS)
        with open(os.path.join(self.path, "meta.json"), "w") as meta:
            meta.write('{"format": 99}')
        self.assertIn("has the newer format 99", self.refused("log", "verify", self.path))


class BackupTests(DataDirectoryTestCase):
    def test_it_copies_a_directory(self) -> None:
        self.written(*RECORDS)
        run = self.gim("backup", "--data-dir", self.path, self.to)
        self.assertEqual((run.status, run.out), (0, ""))
        self.assertIn(f"copied to {self.to}: 1 file, 303 records,", run.err)
        self.assertIn("clean", self.said("log", "verify", self.to))

    def test_the_source_may_stand_in_the_environment(self) -> None:
        self.written(*RECORDS)
        self.environment["GIM_DATA_DIR"] = self.path
        copied = json.loads(self.said("backup", self.to, "--json"))
        self.assertEqual((copied["to"], copied["files"], copied["records"]), (self.to, 1, 303))

    def test_what_it_refuses(self) -> None:
        self.assertIn("--data-dir", self.refused("backup", self.to, status=2))
        self.assertIn("holds no data", self.refused("backup", self.to, "--data-dir", self.path))
        self.written(*RECORDS)
        self.assertIn("is not empty", self.refused("backup", self.path, "--data-dir", self.path))
        self.spoil(1000)
        said = self.refused("backup", self.to, "--data-dir", self.path)
        self.assertIn(f"{self.path}/log-00000001.gim: the record at offset", said)
        self.assertFalse(os.path.exists(self.to))
