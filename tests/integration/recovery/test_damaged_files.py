"""The log that a killed server leaves, cut at every byte and with a bit flipped in every record."""

from __future__ import annotations

import re
from typing import Any

from gim.journal.records import HEADER_SIZE, records
from gim.journal.scan import Finding, check_now
from tests.support.disk.on_disk import OnDisk, OnDiskTestCase, brief

LOG = "log-00000001.gim"
MESSAGES = 12
FLIPPED_BIT = 1 << 4
PLACES = (0, 4, HEADER_SIZE, -1)  # in a record: of its length, its checksum, its payload, its end


class DamagedFileTests(OnDiskTestCase):
    skip = None
    starts_afresh = False  # its disk does not fail

    def setUp(self) -> None:
        self.data = self.fresh_directory()
        self.environment = {}

    async def written(self) -> list[dict[str, Any]]:
        """Have a server write messages, and kill it; return them."""
        node = await self.serve("--sync", "100ms")
        ann, answer = await self.comes(node, "ann")
        self.epoch = answer["epoch"]
        stored = [await self.send(ann, f"message {number}") for number in range(MESSAGES)]
        await self.kill(node)
        self.log = self.data.child(LOG)
        self.content = self.log.getContent().rstrip(b"\0")
        self.starts = [offset for offset, _ in records(self.content)]
        return [brief(item) for item in stored]

    def judged(self, content: bytes) -> Finding:
        return check_now(self.log.path, 1, content)

    def start_of(self, content: str) -> int:
        """Return where the record of a message starts."""
        at = self.content.index(content.encode())
        return max(start for start in self.starts if start < at)

    def flip(self, at: int) -> bytes:
        """Return the log with a bit flipped."""
        changed = bytearray(self.content)
        changed[at] ^= FLIPPED_BIT
        return bytes(changed)

    async def test_a_tail_that_is_torn_at_any_byte_is_told_from_damage(self) -> None:
        await self.written()
        ends = [*self.starts[1:], len(self.content)]
        for at in range(len(self.content)):
            whole = sum(end <= at for end in ends)
            for torn in self.content[:at], self.content[:at].ljust(len(self.content) + 600, b"\0"):
                found = self.judged(torn)
                self.assertIn(found.kind, ("torn", "clean"), at)
                self.assertEqual(found.records, whole, at)
                self.assertEqual(found.end, ends[whole - 1] if whole else found.end, at)

    async def test_a_bit_that_is_flipped_in_any_record_is_found(self) -> None:
        await self.written()
        for number, (start, end) in enumerate(
            zip(self.starts, [*self.starts[1:], len(self.content)], strict=True)
        ):
            for place in PLACES:
                found = self.judged(self.flip(start + place if place >= 0 else end + place))
                is_last = end == len(self.content)
                self.assertEqual(found.kind, "torn" if is_last else "damaged", (start, place))
                self.assertEqual((found.end, found.records), (start, number), place)

    async def test_a_server_cuts_off_a_torn_tail_and_says_so(self) -> None:
        stored = await self.written()
        start = self.start_of(stored[-1]["content"])
        for at in start + 1, start + HEADER_SIZE + 5, start:
            self.log.setContent(self.content[:at])
            node = await self.serve("--sync", "100ms")
            self.assertEqual(await self.found(node), stored[:-1])
            await self.kill(node)
            lost = self.data.globChildren("lost-*.bin")
            expected = [self.content[start:at]] if at > start else []
            self.assertEqual([path.getContent() for path in lost], expected)
            for path in lost:
                self.assertIn(path.path, node.said)
                path.remove()

    async def test_a_server_refuses_damage_and_goes_on_without_it_if_told_to(self) -> None:
        stored = await self.written()
        damaged = stored[MESSAGES // 2]
        start = self.start_of(damaged["content"])
        self.log.setContent(self.flip(start + HEADER_SIZE + 20))
        said = await self.refuses("--data-damage", "refuse")
        self.assertRegex(said, re.escape(LOG) + rf".*\b{start}\b")
        before = self.log.getContent()
        node = await self.serve("--data-damage", "keep-going")
        self.assertEqual(await self.found(node), [one for one in stored if one != damaged])
        _, answer = await self.comes(node, "bob", since=stored[0]["id"], epoch=self.epoch)
        self.assertFalse(answer["recovered"])
        self.assertEqual(self.data.child("damaged").child(LOG).getContent(), before)
        await self.kill(node)
        node = await self.serve("--data-damage", "refuse")
        self.assertEqual(len(await self.found(node)), MESSAGES - 1)

    async def found(self, node: OnDisk) -> list[dict[str, Any]]:
        return await self.history(await self.at(node, "ann"))
