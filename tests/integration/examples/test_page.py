"""examples/chat.html."""

from __future__ import annotations

import re

from gim.model import Message
from gim.wire.requests import OPERATIONS
from tests.support.daemon_process import DaemonTestCase
from tests.support.paths import ROOT

EXAMPLES = ROOT.child("examples")


class PageTests(DaemonTestCase):
    """examples/chat.html, as far as it goes without a browser: what it asks, and what it reads."""

    def setUp(self) -> None:
        self.page = EXAMPLES.child("chat.html").getContent().decode()
        names = re.findall(r"\b([A-Z_]+) = (\d+)\b", self.page)
        self.constants = {name: int(value) for name, value in names}

    def requests(self) -> list[tuple[int, list[str]]]:
        """Return op and names of fields of each request in the page, in order."""
        calls = re.findall(r"\bask\(([A-Z]+), \{(.*?)\}, ", self.page)
        return [(self.constants[op], re.findall(r"(?:^|, )(\w+)", fields)) for op, fields in calls]

    def read(self, name: str) -> set[str]:
        """Return what the script reads of a variable."""
        return set(re.findall(rf"\b{name}\.(\w+)", self.page))

    def test_it_asks_what_there_is_to_ask(self) -> None:
        requests = self.requests()
        self.assertEqual([op for op, _ in requests], [101, 203, 201])
        for op, fields in requests:
            self.assertLessEqual(set(fields), set(OPERATIONS[op].request.__struct_fields__))

    def test_it_needs_nothing_from_elsewhere_and_names_its_own_elements(self) -> None:
        self.assertNotRegex(self.page, r"<(link|img|iframe|script\s)|\bsrc=|@import|https?:")
        named = set(re.findall(r'element\("(\w+)"\)', self.page))
        self.assertEqual(named, set(re.findall(r'\bid="(\w+)"', self.page)))

    async def test_the_daemon_answers_what_it_asks_and_has_what_it_reads(self) -> None:
        await self.daemon()
        bob = await self.client()
        await bob.ask(101, id="bob")
        values = {
            "id": "ann",
            "type": self.constants["PRIVATE"],
            "target_id": "bob",
            "content": "hi",
            "session_id": f"{self.constants['PRIVATE']}:ann:bob",
            "count": 50,
        }
        ann = await self.client()
        answers = {}
        for op, fields in self.requests():
            answers[op] = await ann.ask(op, **{name: values[name] for name in fields if name in values})
        self.assertLessEqual(self.read("data"), {*answers[203], *answers[201]})
        push = (await bob.packet())["body"]
        self.assertLessEqual(self.read("body") - {"code", "msg", "data"}, set(push))
        self.assertLessEqual(self.read("message"), set(Message.__struct_fields__))
        self.assertEqual(push["session"]["type"], values["type"])
