"""How files end after crashes, power cuts and damage."""

from __future__ import annotations

import os
from mmap import PAGESIZE
from unittest.mock import patch

from gim.journal.directory import open_directory
from gim.journal.journal import Journal
from gim.journal.records import BEGIN, MAGIC, SEAL, SLICE, TICK, encode, frame, records
from gim.journal.scan import check_now
from gim.journal.sums import SUM_SIZE
from gim.journal.threads import AtOnce
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

    def test_a_message_with_bytes_that_seem_to_be_records(self) -> None:
        """Its own record is torn, so they are all that is left of it."""
        self.written(*RECORDS)
        content = self.content()
        *_, end, _ = [offset for offset, _ in records(content)]
        payloads = [TICK], [TICK, 1, 2, 3, "4", "5"], [BEGIN, "1"], [BEGIN], [SLICE], [SLICE, "a"]
        seeming = b"".join(map(frame, [*map(encode, payloads), b"\x91", b"\xdc\0"]))
        for rest in b"", *(frame(encode(payload)) for payload in payloads):
            found = check_now(self.log(), 1, content[:end] + bytes(1024) + rest + seeming)
            self.assertEqual((found.kind, found.end, found.begins), ("torn", end, 1))


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

    def test_a_checksum_that_seems_to_be_the_head_of_a_record(self) -> None:
        payloads = (encode([1, number]) for number in range(100_000))
        framed = next(record for record in map(frame, payloads) if record[6] == 0xDC)
        content = MAGIC + frame(encode([1, "damaged"]))[:-1] + b"D" + framed
        found = check_now("a file", 1, content)
        self.assertEqual((found.kind, found.following), ("damaged", len(content) - len(framed)))

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

    def test_it_is_another_data_set_also_after_a_crash_meanwhile(self) -> None:
        self._flip_a_bit()
        epoch = self._epoch()
        with patch("gim.journal.repair.write_file", side_effect=OSError), self.assertRaises(OSError):
            self.repaired("keep-going")
        self.assertNotEqual(self._epoch(), epoch)

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
        end = len(content) - SUM_SIZE
        self.put(content[: end - 5] + b"\xff" + content[end - 4 :], number=1)
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


class MissingPartTests(DirectoryTestCase):
    """Files whose records are all valid, but not all that were there."""

    def setUp(self) -> None:
        super().setUp()
        self.written(*[[1, "x" * 3000]] * 60)
        self.last = self.survey().logs[-1].number
        self.end = len(self.content(self.last))
        self.put_state([self.last, len(MAGIC)], [self.last, self.end], sealed=True)

    def put_state(self, *places: list[int], sealed: bool) -> None:
        payloads = [encode([SLICE, *place, []]) for place in places] + [encode([SEAL])] * sealed
        with open(self.state(), "wb") as file:
            file.write(MAGIC + b"".join(map(frame, payloads)))

    def state(self) -> str:
        return f"{self.path}/state-{self.last:08}.gim"

    def check(self, *texts: str) -> None:
        """Expect that a start is refused for these reasons, and goes on once without what is lost."""
        found = [problem.text for problem in self.survey().problems]
        self.assertEqual(len(found), len(texts))
        for text, problem in zip(texts, found, strict=True):
            self.assertIn(text, problem)
        self.assertRaises(StartupError, self.repaired)
        self.assertEqual(self.repaired("keep-going").damaged, len(texts))
        self.roll()
        self.assertEqual(self.repaired().damaged, 0)

    def roll(self) -> None:
        """Begin another log, as a start does that went on without something."""
        directory = open_directory(self.path)
        journal = Journal(directory, self.settings(), AtOnce())
        journal.open_at(self.survey().end)
        journal.roll()
        self.successResultOf(journal.close())
        directory.close()

    def test_nothing_is_missing(self) -> None:
        self.assertEqual(self.survey().problems, [])

    def test_a_checkpoint_without_its_end(self) -> None:
        for places in [], [[self.last, self.end]]:
            self.put_state(*places, sealed=False)
            self.check(f"{self.state()}: the end is missing")

    def test_a_log_that_is_shorter_than_its_checkpoint_needs(self) -> None:
        for content in MAGIC, self.content(self.last)[: [*records(self.content(self.last))][2][0]]:
            self.put(content, self.last)
            self.check(f"the records from offset {len(content)} to {self.end} are missing")
            os.unlink(self.log(self.last + 1))

    def test_the_log_of_a_checkpoint_is_missing(self) -> None:
        os.unlink(self.log(self.last))
        self.check(f"the log with the number {self.last} is missing")

    def test_a_log_between_others_is_missing(self) -> None:
        os.unlink(self.state())
        os.unlink(self.log(2))
        self.check("the log with the number 2 is missing")
        self.assertEqual(len(self.survey().logs), self.last + 1)

    def test_an_empty_log_far_behind_the_others(self) -> None:
        self.put(b"", self.last + 3)
        self.check(*[f"the log with the number {self.last + more} is missing" for more in (1, 2)])

    def test_an_empty_log_that_its_checkpoint_needs(self) -> None:
        self.put(b"", self.last)
        self.check(f"{self.log(self.last)}: the record at offset 0 is damaged")

    def test_no_log_is_left(self) -> None:
        for number in range(1, self.last + 1):
            os.unlink(self.log(number))
        self.check(f"the log with the number {self.last} is missing")
        self.assertEqual([log.number for log in self.survey().logs], [self.last, self.last + 1])

    def test_a_log_in_the_place_of_another(self) -> None:
        self.put(self.content(1), 2)
        self.check(f"{self.log(2)}: the records are not those of this log")
        self.assertEqual(len(self.survey().logs[1:2]), 1)
        self.assertEqual(self.survey().logs[1].records, 1)

    def test_a_checkpoint_that_a_rewritten_log_needs(self) -> None:
        payloads = [payload for _, payload in records(self.content(1))][1:]
        content = map(frame, [encode((BEGIN, 1, None, True)), *payloads])
        self.put(MAGIC + b"".join(content), 1)
        self.assertEqual(self.survey().problems, [])
        os.unlink(self.state())
        self.check(f"the checkpoint after {self.log(1)} is missing")

    def test_a_start_without_what_is_lost_takes_no_later_log_for_torn(self) -> None:
        os.unlink(self.state())
        content = bytearray(self.content(1))
        content[3500] ^= 4
        self.put(bytes(content), 1)
        self.repaired("keep-going")
        found = self.survey()
        self.assertEqual((found.problems, found.torn, len(found.logs)), ([], [], self.last))
