"""Which directories are refused, and with which line."""

from __future__ import annotations

import json
import os
import shutil
from unittest.mock import patch

from gim.journal.directory import check_directory, check_unused, open_directory
from gim.startup import StartupError
from tests.support.journal.directories import DirectoryTestCase


class DirectoryTests(DirectoryTestCase):
    """One server at a time uses a directory, and finds what identifies its data."""

    def test_a_directory_keeps_its_epoch_and_its_key(self) -> None:
        first = open_directory(self.path)
        epoch, key = first.epoch, first.token_key
        first.close()
        second = open_directory(self.path)
        self.addCleanup(second.close)
        self.assertEqual((second.epoch, second.token_key), (epoch, key))
        self.assertEqual(len(key), 32)

    def test_another_epoch_lasts_and_keeps_the_key(self) -> None:
        first = open_directory(self.path)
        epoch, key = first.epoch, first.token_key
        first.renew_epoch()
        renewed = first.epoch
        first.close()
        second = open_directory(self.path)
        self.addCleanup(second.close)
        self.assertNotEqual(renewed, epoch)
        self.assertEqual((second.epoch, second.token_key), (renewed, key))

    def test_a_second_server_is_refused(self) -> None:
        first = open_directory(self.path)
        said = f"is in use by process {os.getpid()}: stop that one first"
        self._refused(said)
        with self.assertRaisesRegex(StartupError, said):
            check_unused(self.path)
        check_directory(self.path)
        first.close()
        check_unused(self.path)
        open_directory(self.path).close()

    def test_files_of_an_interrupted_start_are_removed(self) -> None:
        left = os.path.join(self.path, "state-00000003.gim.tmp")
        with open(left, "wb"):
            pass
        open_directory(self.path).close()
        self.assertFalse(os.path.exists(left))

    def test_the_room_on_its_disk(self) -> None:
        directory = open_directory(self.path)
        self.addCleanup(directory.close)
        free = shutil.disk_usage(self.path).free
        self.assertLess(abs(directory.free_bytes() - free), free / 10)
        with patch("os.statvfs", side_effect=OSError):
            self.assertEqual(directory.free_bytes(), 0)

    def test_a_missing_directory(self) -> None:
        self.path = os.path.join(self.path, "missing")
        self._refused("does not exist: make it, owned by the user that gim runs as")

    def test_a_file(self) -> None:
        self.path = os.path.join(self.path, "file")
        with open(self.path, "wb"):
            pass
        self._refused("is not a directory")

    def test_a_directory_of_another_user(self) -> None:
        with patch("gim.journal.directory.os.geteuid", return_value=os.geteuid() + 70_000):
            self._refused("belongs to .*, and gim runs as user 7.*: run it as .*, or change the owner")

    def test_a_directory_of_another_user_than_the_one_that_it_becomes(self) -> None:
        check_directory(self.path, os.geteuid())
        with self.assertRaisesRegex(StartupError, "belongs to .*, and gim runs as user 7"):
            check_directory(self.path, 70_000)

    def test_a_directory_that_was_never_used_is_not_in_use(self) -> None:
        check_unused(self.path)
        self.assertEqual(os.listdir(self.path), [])

    def test_a_directory_that_is_not_writable(self) -> None:
        with patch("gim.journal.directory.os.access", return_value=False):
            self._refused("can't be written to: change its mode, or mount its file system for writing")

    def test_a_newer_format(self) -> None:
        open_directory(self.path).close()
        self._change_meta(format=2)
        self._refused("has the newer format 2, and this gim knows 1: use the gim that wrote it")

    def test_a_damaged_description(self) -> None:
        open_directory(self.path).close()
        for content in (b"", b"[]", b"{}", b'{"format": "1"}', b'{"format": 1}'):
            with open(os.path.join(self.path, "meta.json"), "wb") as file:
                file.write(content)
            self._refused("has a damaged meta.json: put it back from a backup")

    def test_a_key_that_is_cut_and_no_epoch(self) -> None:
        open_directory(self.path).close()
        for change in {"token_key": ""}, {"token_key": "00" * 31}, {"epoch": ""}:
            with open(os.path.join(self.path, "meta.json"), "rb") as file:
                content = file.read()
            self._change_meta(**change)
            self._refused("has a damaged meta.json: put it back from a backup")
            with open(os.path.join(self.path, "meta.json"), "wb") as file:
                file.write(content)

    def test_data_without_a_description(self) -> None:
        self.written([1, "hello"])
        os.unlink(os.path.join(self.path, "meta.json"))
        self._refused("has data but not meta.json: put it back from a backup")

    def _change_meta(self, **changes: object) -> None:
        path = os.path.join(self.path, "meta.json")
        with open(path, encoding="utf-8") as file:
            meta = json.load(file)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(meta | changes, file)

    def _refused(self, why: str) -> None:
        with self.assertRaisesRegex(StartupError, f"--data-dir: {self.path} {why}"):
            open_directory(self.path)
