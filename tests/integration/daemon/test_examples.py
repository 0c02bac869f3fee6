"""The programs in examples/, run against a real daemon."""

from __future__ import annotations

import os
import re
from typing import Any

from twisted.internet import reactor
from twisted.protocols.portforward import ProxyFactory
from twisted.python.filepath import FilePath

from gim.model import Message
from gim.wire.requests import OPERATIONS
from tests.support.daemon_process import SCRIPTS, SHELL, Client, DaemonTestCase, Process
from tests.support.paths import ROOT

EXAMPLES = ROOT.child("examples")


class Network(ProxyFactory):
    """Carries connections from a port of its own to the gateway, until it breaks."""

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port)
        self._carried: list[Any] = []
        self._listening = self._listen(0)
        self.entry = self._listening.getHost().port  # `port` is where it leads

    def _listen(self, port: int) -> Any:
        return reactor.listenTCP(port, self, interface="127.0.0.1")  # type: ignore[arg-type]

    def buildProtocol(self, addr: Any) -> Any:
        carried = super().buildProtocol(addr)
        self._carried.append(carried)
        return carried

    async def go_down(self) -> None:
        """End all connections and take no new ones."""
        await self._listening.stopListening()
        for carried in self._carried:
            carried.transport.abortConnection()
        self._carried.clear()

    def come_back(self) -> None:
        """Take connections at the same port again."""
        self._listening = self._listen(self.entry)


class ClientTests(DaemonTestCase):
    async def start(self) -> tuple[Network, Process]:
        """Start the example as ann, who talks to bob."""
        await self.daemon()
        network = Network(self.ws)
        self.addCleanup(network.go_down)
        script = EXAMPLES.child("client.py").path
        process = self.spawn("python", script, f"ws://127.0.0.1:{network.entry}", "ann", "bob")
        return network, process

    def type_in(self, process: Process, text: str) -> None:
        assert process.transport is not None
        process.transport.write(text.encode())

    async def hear(self, bob: Client) -> str:
        """Return what ann's next message to bob says."""
        packet = await bob.packet()
        self.assertEqual(packet["op"], 207)
        return str(packet["body"]["items"][0]["content"])

    async def cut_off(self) -> tuple[Network, Process, Client]:
        """Return the network, which is down, ann, who has typed two messages since then, and bob."""
        network, ann = await self.start()
        bob = await self.client()
        await bob.ask(101, id="bob")
        await bob.ask(201, type=2, target_id="ann", content="before")
        await ann.says("bob: before\n")
        await network.go_down()
        self.type_in(ann, "one\ntwo\n")
        return network, ann, bob

    async def test_two_users_talk(self) -> None:
        _, ann = await self.start()
        bob = await self.client()
        await bob.ask(101, id="bob", name="Bob")
        await bob.ask(201, type=2, target_id="ann", content="hi ann")
        await ann.says("Bob: hi ann\n")
        self.type_in(ann, "hi bob\n")
        self.assertEqual(await self.hear(bob), "hi bob")

    async def test_what_is_sent_while_the_network_is_down_arrives_once_and_in_order(self) -> None:
        network, ann, bob = await self.cut_off()
        for content in "three", "four":
            await bob.ask(201, type=2, target_id="ann", content=content)
        network.come_back()
        self.assertEqual([await self.hear(bob), await self.hear(bob)], ["one", "two"])
        await bob.ask(201, type=2, target_id="ann", content="after")
        await ann.says("bob: after\n")
        said = [f"bob: {content}" for content in ("before", "three", "four", "after")]
        self.assertEqual(ann.output[1].splitlines(), said)

    async def test_it_ends_with_its_input_once_all_is_sent(self) -> None:
        network, ann, bob = await self.cut_off()
        ann.transport.closeStdin()
        network.come_back()
        self.assertEqual([await self.hear(bob), await self.hear(bob)], ["one", "two"])
        self.assertEqual((await ann.exited, ann.output[2]), (0, ""))

    async def test_its_input_may_be_a_file(self) -> None:
        await self.daemon()
        bob = await self.client()
        await bob.ask(101, id="bob")
        lines = FilePath(self.mktemp())
        lines.setContent(b"one\ntwo\n")
        words = f"{SCRIPTS.child('python').path} {EXAMPLES.child('client.py').path}"
        words += f" ws://127.0.0.1:{self.ws} ann bob"
        for file in os.path.abspath(lines.path), os.devnull:
            process = self.spawn("python", "-c", SHELL, f"exec {words} <{file}")
            self.assertEqual((await process.exited, process.output[2]), (0, ""))
        self.assertEqual([await self.hear(bob), await self.hear(bob)], ["one", "two"])

    async def test_it_does_not_come_back_when_the_server_does_not_want_it(self) -> None:
        await self.daemon(GIM_AUTH_KEY="a secret of thirty-two bytes, 0123")
        script = EXAMPLES.child("client.py").path
        process = self.spawn("python", script, f"ws://127.0.0.1:{self.ws}", "ann", "bob")
        self.assertEqual(await process.exited, 1)
        self.assertIn("refused: token: missing", process.output[2])


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
