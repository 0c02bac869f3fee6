"""JSON and Protobuf clients at one daemon, and the client that docs/protocol.md shows."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import DeferredQueue
from twisted.internet.utils import getProcessOutputAndValue

from tests.support.daemon_process import PATIENCE, SCRIPTS, Client, DaemonTestCase
from tests.support.paths import ROOT
from tests.support.wire import proto_values

PUSH = 207


class ProtoClient(Client):
    """A client that speaks Protobuf; its packets are as those of JSON would be."""

    def __init__(self) -> None:
        super().__init__()
        self.packets: DeferredQueue[dict[str, Any]] = DeferredQueue()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        assert isBinary, payload
        self.packets.put(proto_values.read(payload))

    def request(self, op: int, **body: Any) -> None:
        self.sendMessage(proto_values.request(op, **body), True)

    async def packet(self) -> Any:
        return await self.packets.get().addTimeout(PATIENCE, reactor)


class ChatroomTests(DaemonTestCase):
    async def test_json_and_protobuf_clients_talk_in_one_chatroom(self) -> None:
        await self.daemon("--message-push-duration", "20ms")
        await self.talk(await self.client(), await self.client(ProtoClient, ["gim.proto"]))

    async def test_they_do_so_where_protobuf_is_the_default(self) -> None:
        await self.daemon("--message-push-duration", "20ms", "--message-protocol", "proto")
        await self.talk(await self.client(Client, ["gim.json"]), await self.client(ProtoClient))

    async def talk(self, *clients: Client) -> None:
        """See that all get what each of them says, in the same words."""
        for number, client in enumerate(clients):
            await client.ask(101, id=f"u{number}", name=f"Üser {number}")
            await client.ask(301, id="9999")
        for number, client in enumerate(clients):
            client.request(201, type=1, target_id="9999", content=f"hi from {number} ☺")
        heard = [await self.listen(client, len(clients)) for client in clients]
        contents = sorted(message["content"] for message in heard[0])
        self.assertEqual(contents, [f"hi from {number} ☺" for number in range(len(clients))])
        for messages in heard:
            self.assertEqual(messages, heard[0])
        histories = [await client.ask(203, session_id="1:9999") for client in clients]
        self.assertEqual(histories, [{"items": heard[0], "has_more": False}] * len(clients))

    async def listen(self, client: Client, count: int) -> list[Any]:
        """Wait for so many pushed messages, and the reply to one that was sent."""
        messages: list[Any] = []
        replies = 0
        while len(messages) < count or not replies:
            packet = await client.packet()
            if packet["op"] == PUSH:
                messages += packet["body"]["items"]
            else:
                self.assertEqual((packet["op"], packet["body"]["code"]), (202, 0))
                replies += 1
        return messages


class DocumentTests(DaemonTestCase):
    async def test_the_client_of_the_document_does_what_it_shows(self) -> None:
        await self.daemon()
        text = ROOT.descendant(["docs", "protocol.md"]).getContent().decode()
        ((program, shown),) = re.findall(r"^```python\n(.*?)^```\n\n```\n(.*?)^```", text, re.M | re.S)
        words = [line[2:] for line in shown.splitlines() if line.startswith("$ ")]
        output = [line for line in shown.splitlines() if not line.startswith("$ ")]
        self.assertEqual(await self.run_client(program, words), output)

    async def run_client(self, program: str, commands: list[str]) -> list[str]:
        """Run a program as a user would who has it and gim.proto in a directory; return what it says."""
        self.directory.child("client.py").setContent(program.encode())
        ROOT.descendant(["gim", "wire", "gim.proto"]).copyTo(self.directory.child("gim.proto"))
        script = "\n".join(commands).replace("127.0.0.1:8080", f"127.0.0.1:{self.ws}")
        out, err, _ = await getProcessOutputAndValue(
            "/bin/sh", ["-c", script], {"PATH": SCRIPTS.path}, self.directory.path
        )
        return [*out.decode().splitlines(), *err.decode().splitlines()]
