"""examples/go, built with the code that protoc makes of gim.proto, behind a network that breaks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.integration.examples.network import Network
from tests.support.daemon_process import Client, DaemonTestCase, Process
from tests.support.paths import ROOT

SOURCE = Path(ROOT.path) / "examples" / "go"
HOME = Path(ROOT.path) / "build" / "examples" / "go"
PLUGIN = "google.golang.org/protobuf/cmd/protoc-gen-go"
LONGEST = 149  # lines


def missing() -> str:
    """Say what the tests lack, "" for nothing."""
    if shutil.which("go"):
        version = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True).stdout
        found = re.match(r"go1\.(\d+)", version)
        if found and int(found[1]) >= 23:
            return ""
    return "Go is missing: install version 1.23 or newer"


def build() -> str:
    """Generate the code, and compile the client, as examples/README.md says; return the program."""

    def run(*words: str, **environment: str) -> None:
        subprocess.run(words, cwd=HOME, env=os.environ | environment, check=True)

    shutil.rmtree(HOME, ignore_errors=True)
    shutil.copytree(SOURCE, HOME, ignore=shutil.ignore_patterns("gimpb"))
    tools = HOME / "bin"
    run("go", "install", PLUGIN, GOBIN=str(tools))  # of the version in go.mod
    protoc = (sys.executable, "-m", "grpc_tools.protoc", "-I", str(Path(ROOT.path) / "gim" / "wire"))
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    run(*protoc, "--go_out=.", "--go_opt=module=gim", "gim.proto", PATH=path)
    run("go", "vet", ".")
    run("go", "build", "-o", "client", ".")
    return str(HOME / "client")


class GoTests(DaemonTestCase):
    if reason := missing():
        skip = reason
    program = ""

    def setUp(self) -> None:
        if not GoTests.program:
            GoTests.program = build()

    async def ann(self, port: int) -> Process:
        return self.spawn(self.program, f"ws://127.0.0.1:{port}", "ann", "bob")

    async def bob(self) -> Client:
        bob = await self.client()
        await bob.ask(101, id="bob", name="Bob")
        return bob

    def type_in(self, process: Process, text: str) -> None:
        process.transport.write(text.encode())

    async def hear(self, bob: Client) -> str:
        """Return what ann's next message to bob says."""
        packet = await bob.packet()
        self.assertEqual(packet["op"], 207)
        return str(packet["body"]["items"][0]["content"])

    async def test_it_reads_the_history_then_two_users_talk(self) -> None:
        await self.daemon()
        bob = await self.bob()
        for content in "one", "two":
            await bob.ask(201, type=2, target_id="ann", content=content)
        ann = await self.ann(self.ws)
        await ann.says("^Bob: one\nBob: two\n$")
        self.type_in(ann, "hi bob\n")
        self.assertEqual(await self.hear(bob), "hi bob")
        await bob.ask(201, type=2, target_id="ann", content="three")
        await ann.says("Bob: two\nBob: three\n$")

    async def test_what_is_sent_while_the_network_is_down_arrives_once(self) -> None:
        await self.daemon()
        network = Network(self.ws)
        self.addCleanup(network.go_down)
        ann, bob = await self.ann(network.entry), await self.bob()
        await bob.ask(201, type=2, target_id="ann", content="before")
        await ann.says("before\n")
        await network.go_down()
        self.type_in(ann, "one\ntwo\n")
        for content in "three", "four":
            await bob.ask(201, type=2, target_id="ann", content=content)
        network.come_back()
        self.assertEqual([await self.hear(bob), await self.hear(bob)], ["one", "two"])
        await ann.says("^Bob: before\nBob: three\nBob: four\n$")
        ann.transport.closeStdin()
        self.assertEqual(await ann.exited, 0)

    async def test_it_does_not_come_back_when_the_server_does_not_want_it(self) -> None:
        await self.daemon(GIM_AUTH_KEY="a secret of thirty-two bytes, 0123")
        ann = await self.ann(self.ws)
        self.assertEqual(await ann.exited, 1)
        self.assertIn("refused: token: missing", ann.output[2])

    def test_it_is_short(self) -> None:
        self.assertLessEqual(len((SOURCE / "main.go").read_text().splitlines()), LONGEST)
