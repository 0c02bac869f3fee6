"""examples/raw_client.py, behind a network that breaks."""

from __future__ import annotations

import os

from twisted.python.filepath import FilePath

from tests.integration.examples.network import Network
from tests.support.daemon_process import SCRIPTS, SHELL, Client, DaemonTestCase, Process
from tests.support.paths import ROOT

SCRIPT = ROOT.child("examples").child("raw_client.py")


class ClientTests(DaemonTestCase):
    async def start(self) -> tuple[Network, Process]:
        """Start the example as ann, who talks to bob."""
        await self.daemon()
        network = Network(self.ws)
        self.addCleanup(network.go_down)
        script = SCRIPT.path
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
        words = f"{SCRIPTS.child('python').path} {SCRIPT.path}"
        words += f" ws://127.0.0.1:{self.ws} ann bob"
        for file in os.path.abspath(lines.path), os.devnull:
            process = self.spawn("python", "-c", SHELL, f"exec {words} <{file}")
            self.assertEqual((await process.exited, process.output[2]), (0, ""))
        self.assertEqual([await self.hear(bob), await self.hear(bob)], ["one", "two"])

    async def test_it_does_not_come_back_when_the_server_does_not_want_it(self) -> None:
        await self.daemon(GIM_AUTH_KEY="a secret of thirty-two bytes, 0123")
        script = SCRIPT.path
        process = self.spawn("python", script, f"ws://127.0.0.1:{self.ws}", "ann", "bob")
        self.assertEqual(await process.exited, 1)
        self.assertIn("refused: token: missing", process.output[2])
