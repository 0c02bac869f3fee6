"""Taking the files of a directory in which a server writes meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from tempfile import mkdtemp
from typing import Any
from unittest.mock import patch

from gim.journal import copying
from gim.journal.copying import Restless, collect, read_growing
from gim.journal.files import LOG, STATE, path_of, write_file
from gim.journal.journal import Journal
from gim.journal.records import MAGIC, encode, frame, records
from gim.journal.scan import check_now
from tests.support.journal.directories import DirectoryTestCase

SMALL = 4096  # bytes of a segment


def payloads_in(path: str) -> list[bytes]:
    """Return what the valid records of a file hold."""
    return [payload for _, payload in records(copying.read_growing(path))]


class CopyingTestCase(DirectoryTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.target = mkdtemp()
        self.addCleanup(shutil.rmtree, self.target)
        self.meanwhile: list[Callable[[], None]] = []  # what happens when files are taken, one at a time
        self.number = 0

    def take(self, source: str, target: str) -> None:
        if self.meanwhile:
            self.meanwhile.pop(0)()
        os.link(source, target)

    def collect(self, cuts: bool = True) -> None:
        collect(self.path, self.target, self.take, cuts=cuts)

    def write(self, journal: Journal, count: int = 1) -> None:
        for _ in range(count):
            self.number += 1
            journal.append(encode((1, f"{self.number:032x}")))

    def taken(self) -> list[str]:
        return sorted(os.listdir(self.target))

    def numbers(self) -> list[int]:
        """Return the numbers that were written, as far as they are in the copy."""
        found = []
        for name in self.taken():
            if name.startswith(LOG):
                found += payloads_in(os.path.join(self.target, name))
        return [int(encoded[4:36], 16) for encoded in found if encoded[1] == 1]

    def state(self, number: int) -> None:
        write_file(path_of(self.path, STATE, number), MAGIC + frame(encode((31,))))


class CollectTests(CopyingTestCase):
    """What is collected is a state that the server was in after the call began."""

    def test_the_files_of_a_server_that_runs(self) -> None:
        journal = self.journal(SMALL)
        self.write(journal, 200)
        self.collect()
        self.assertEqual(self.numbers(), list(range(1, 201)))
        self.assertGreater(len(self.taken()), 2)

    def test_the_last_log_is_no_link_and_ends_behind_its_last_record(self) -> None:
        journal = self.journal()
        self.write(journal, 3)
        self.collect()
        (name,) = self.taken()
        copy = os.path.join(self.target, name)
        self.assertEqual(os.path.getsize(copy), journal.position[1])
        self.assertEqual(os.stat(copy).st_nlink, 1)

    def test_a_torn_end_is_left_out_or_kept(self) -> None:
        self.written([1, "a" * 32])
        whole = self.content()
        self.put(whole[:-3])
        for cuts in True, False:
            self.collect(cuts)
            (name,) = self.taken()
            with open(os.path.join(self.target, name), "rb") as file:
                self.assertEqual(file.read() == whole[:-3], not cuts)
            os.unlink(os.path.join(self.target, name))

    def test_logs_that_begin_meanwhile(self) -> None:
        journal = self.journal(SMALL)
        self.write(journal, 200)
        self.meanwhile = [lambda: self.write(journal, 100), lambda: self.write(journal, 100)]
        self.collect()
        self.assertEqual(self.numbers(), list(range(1, 401)))

    def test_a_log_that_is_dropped_meanwhile(self) -> None:
        journal = self.journal(SMALL)
        self.write(journal, 300)
        self.meanwhile = [lambda: os.unlink(path_of(self.path, LOG, 2))]
        self.collect()
        self.assertIn("log-00000003.gim", self.taken())
        self.assertNotIn("log-00000002.gim", self.taken())

    def test_a_checkpoint_that_comes_meanwhile_replaces_the_one_before(self) -> None:
        journal = self.journal(SMALL)
        self.write(journal, 200)
        self.state(1)

        def checkpoint() -> None:
            self.state(journal.roll())
            os.unlink(path_of(self.path, STATE, 1))

        self.meanwhile = [checkpoint]
        self.collect()
        states = [name for name in self.taken() if name.startswith(STATE)]
        self.assertEqual(states, [f"state-{journal.position[0]:08}.gim"])
        self.assertEqual(self.numbers(), list(range(1, 201)))

    def test_a_log_that_was_compacted_comes_with_the_checkpoint_that_allowed_it(self) -> None:
        journal = self.journal(SMALL)
        self.write(journal, 300)
        self.state(1)

        def compact() -> None:
            self.state(journal.roll())
            write_file(path_of(self.path, LOG, 2), MAGIC)

        self.meanwhile = [lambda: None, compact]
        self.collect()
        self.assertIn(f"state-{journal.position[0]:08}.gim", self.taken())

    def join(self) -> None:
        """Put what the logs 2 and 3 hold into the log 2."""
        paths = [path_of(self.path, LOG, number) for number in (2, 3)]
        both = [frame(payload) for path in paths for payload in payloads_in(path)]
        write_file(paths[0], MAGIC + b"".join(both))
        os.unlink(paths[1])

    def joined_before(self, number: int) -> None:
        """Join the logs 2 and 3 just before the log *number* is taken."""
        journal = self.journal(SMALL)
        self.write(journal, 400)
        self.meanwhile = [*([lambda: None] * (number - 1)), self.join]
        self.collect()
        self.assertEqual(self.meanwhile, [])
        self.assertEqual(self.numbers(), list(range(1, 401)))
        self.assertNotIn("log-00000003.gim", self.taken())

    def test_logs_that_are_joined_before_they_are_taken(self) -> None:
        self.joined_before(2)

    def test_logs_that_are_joined_when_the_first_is_taken(self) -> None:
        self.joined_before(3)

    def test_logs_that_are_joined_when_both_are_taken(self) -> None:
        self.joined_before(4)

    def test_a_directory_that_never_rests(self) -> None:
        journal = self.journal(SMALL)
        self.write(journal, 100)
        self.patch(copying, "ROUNDS", 5)
        self.meanwhile = [lambda: self.write(journal, 100)] * 1000
        with self.assertRaises(Restless):
            self.collect()


class GrowingTests(CopyingTestCase):
    """A file that is written to while it is read never seems to be damaged."""

    def test_a_record_that_comes_between_two_pages_makes_no_gap(self) -> None:
        journal = self.journal(SMALL * 8)
        self.write(journal, 100)
        pread, growth = os.pread, iter(range(60))

        def slow(*words: Any) -> bytes:
            if next(growth, None) is not None:
                self.write(journal, 10)
            return pread(*words)

        with patch("os.pread", slow):
            data = read_growing(journal.segment.path)
        found = check_now(journal.segment.path, 1, data)
        self.assertEqual((found.kind, found.following), ("clean", None))
        self.assertGreater(found.records, 100)
