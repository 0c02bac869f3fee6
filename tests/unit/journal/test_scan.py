"""How files end after crashes, power cuts and damage."""

from __future__ import annotations

import os
from mmap import PAGESIZE

from gim.journal.records import MAGIC, TICK, encode, frame, records
from gim.journal.scan import check_now
from gim.startup import StartupError
from tests.support.journal.directories import DirectoryTestCase

RECORDS = [[1, f"{number:032x}", "text " * (number % 7)] for number in range(40)]


def _tick(number: int, offset: int) -> list[object]:
    return [TICK, "", "", "", number, offset, {}]


class TornTests(DirectoryTestCase):
    """A file that ends at any byte loses no record before it."""

    def test_a_file_cut_at_every_byte(self) -> None:
        self.written(*RECORDS)
        content = self.content()
        ends = [offset for offset, _ in records(content)] + [len(content)]
        for cut in range(len(content)):
            found = check_now(self.log(), 1, content[:cut])
            whole = max((end for end in ends if end <= cut), default=0)
            self.assertNotEqual(found.kind, "damaged", cut)
            self.assertEqual(found.end, whole, cut)

    def test_a_copy_into_the_file_that_stopped_at_every_byte(self) -> None:
        """What is behind it are zeros, as the file is filled ahead."""
        self.written(*RECORDS)
        content = self.content()
        ends = [offset for offset, _ in records(content)] + [len(content)]
        for cut in range(len(MAGIC), len(content)):
            found = check_now(self.log(), 1, content[:cut] + bytes(5000))
            self.assertNotEqual(found.kind, "damaged", cut)
            self.assertIn(found.end, ends)
            self.assertGreaterEqual(found.end, max(end for end in ends if end <= cut))

    def test_the_end_is_cut_off_and_kept(self) -> None:
        self.written(*RECORDS)
        content = self.content()
        self.put(content[:-30])
        repaired = self.repaired()
        end = repaired.survey.logs[0].end
        self.assertEqual(self.content(), content[:end])
        (lost,) = [name for name in os.listdir(self.path) if name.startswith("lost-")]
        with open(os.path.join(self.path, lost), "rb") as file:
            self.assertEqual(file.read(), content[end:-30])
        self.assertEqual(repaired.damaged, 0)
        self.assertEqual(self.repaired().survey.torn, [])

    def test_a_log_that_holds_nothing_yet_is_removed(self) -> None:
        for content in (b"", MAGIC[:3], bytes(4096)):
            self.written(*RECORDS)
            end = self.survey().end
            self.put(content, number=2)
            self.assertEqual(self.repaired().survey.end, end)
            self.assertFalse(os.path.exists(self.log(2)))

    def test_blocks_that_never_reached_the_disk_are_torn_with_what_follows(self) -> None:
        content = MAGIC + b"".join(frame(encode([1, "x" * 100])) for _ in range(40))
        hole = content[:600] + bytes(1500) + content[2100:]
        found = check_now("a file", 1, hole)
        self.assertEqual(found.kind, "torn")
        self.assertLessEqual(found.end, 600)

    def test_a_page_that_is_as_of_the_last_sync_while_the_next_one_is_there(self) -> None:
        """Wherever the last sync ended in it, also in its last bytes."""
        content = MAGIC + b"".join(frame(encode(record)) for record in RECORDS * 3)
        ends = [0, *(offset for offset, _ in records(content) if offset < PAGESIZE)]
        self.assertGreater(ends[-1], PAGESIZE - 100)
        for end in ends:
            found = check_now("a file", 1, content[:end].ljust(PAGESIZE, b"\0") + content[PAGESIZE:])
            self.assertEqual((found.kind, found.end), ("torn", end))

    def test_but_not_if_a_later_record_says_that_they_were_there(self) -> None:
        content = MAGIC + b"".join(frame(encode([1, "x" * 100])) for _ in range(40))
        hole = content[:600] + bytes(1500) + content[2100:] + frame(encode(_tick(1, 2000)))
        self.assertEqual(check_now("a file", 1, hole).kind, "damaged")
        early = content[:600] + bytes(1500) + content[2100:] + frame(encode(_tick(1, 500)))
        self.assertEqual(check_now("a file", 1, early).kind, "torn")

    def test_a_power_cut_that_tore_a_log_takes_the_ones_behind_it(self) -> None:
        journal = self.journal()
        for payload in RECORDS:
            journal.append(encode(payload))
        journal.roll()
        journal.append(encode(RECORDS[0]))
        content = self.content()
        ends = [offset for offset, _ in records(content)]
        self.put(content[: ends[-2]])
        found = self.survey()
        self.assertEqual(([log.number for log in found.logs], found.problems), ([1], []))
        self.assertEqual([log.number for log in found.torn], [1, 2])
        self.assertEqual(found.end, (1, ends[-2]))


class DamageTests(DirectoryTestCase):
    """A record that was on the disk and is not valid is never passed over silently."""

    def test_a_flipped_bit_in_every_byte(self) -> None:
        self.written(*RECORDS)
        content = self.content()
        last = [offset for offset, _ in records(content)][-1]
        for at in range(last):
            damaged = bytearray(content)
            damaged[at] ^= 1 << at % 8
            self.assertEqual(check_now(self.log(), 1, bytes(damaged)).kind, "damaged", at)
        self.assertEqual(check_now(self.log(), 1, content).kind, "clean")

    def test_it_refuses_to_start_and_says_where(self) -> None:
        offset = self._flip_a_bit()
        error = self.assertRaises(StartupError, self.repaired)
        self.assertIn(f"{self.log()}: the record at offset {offset} is damaged", str(error))
        self.assertIn("--data-damage keep-going", str(error))

    def test_it_goes_on_without_the_record_as_another_data_set(self) -> None:
        self._flip_a_bit()
        damaged, epoch = self.content(), self._epoch()
        repaired = self.repaired("keep-going")
        self.assertEqual(repaired.damaged, 1)
        found = [payload for _, payload in records(self.content())]
        kept = [encode(one) for place, one in enumerate(RECORDS) if place != 20]
        self.assertEqual(found[1:-1], kept)
        self.assertNotEqual(self._epoch(), epoch)
        with open(os.path.join(self.path, "damaged", os.path.basename(self.log())), "rb") as file:
            self.assertEqual(file.read(), damaged)
        self.assertEqual(self.repaired().damaged, 0)

    def test_a_missing_log_is_damage(self) -> None:
        self.written(*[[1, "x" * 3000]] * 60)
        self.assertGreater(len(self.survey().logs), 2)
        os.unlink(self.log(2))
        self.assertIn("number 2 is missing", self.survey().problems[0].text)
        os.unlink(self.log(1))
        self.assertIn("number 1 is missing", self.survey().problems[0].text)

    def test_damage_in_an_older_log(self) -> None:
        self.written(*[[1, "x" * 3000]] * 60)
        content = self.content(1)
        self.put(content[:-5] + b"\xff" + content[-4:], number=1)
        self.assertEqual([problem.path for problem in self.survey().problems], [self.log(1)])

    def _epoch(self) -> str:
        with open(os.path.join(self.path, "meta.json"), "rb") as file:
            return file.read().decode().split('"epoch": "')[1].split('"')[0]

    def _flip_a_bit(self) -> int:
        """Flip a bit in the record after the first twenty; return its offset."""
        self.written(*RECORDS)
        content = bytearray(self.content())
        offset = [offset for offset, _ in records(bytes(content))][21]
        content[offset + 12] ^= 4
        self.put(bytes(content))
        return offset
