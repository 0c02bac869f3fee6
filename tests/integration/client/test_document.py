"""The programs of docs/clients.md do what the page says."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import DeferredQueue
from twisted.internet.threads import deferToThread

from gim.client.asyncio import Client
from gim.client.events import Message
from gim.client.twisted import GimClient
from tests.support.daemon_process import PATIENCE, DaemonTestCase
from tests.support.paths import ROOT


def program(number: int, url: str) -> dict[str, Any]:
    """Return the names that a program of the page defines."""
    text = ROOT.child("docs").child("clients.md").getContent().decode()
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[number]
    names: dict[str, Any] = {"__name__": "program"}
    exec(code.replace("ws://127.0.0.1:8080", url), names)
    return names


class DocumentTests(DaemonTestCase):
    async def test_the_bot_for_asyncio_answers(self) -> None:
        await self.daemon()
        await deferToThread(asyncio.run, asyncio.wait_for(self.talk(), PATIENCE))

    async def talk(self) -> None:
        url = f"ws://127.0.0.1:{self.ws}"
        names = program(0, url)
        names |= {"FileStore": lambda name: None, "print": lambda *words: None}
        bot = asyncio.create_task(names["main"](url))
        async with Client(url, id="1003") as client:
            await client.send("1001", "hello")
            events = client.events()
            answers = (event.content async for event in events if isinstance(event, Message))
            self.assertEqual(await anext(answers), "hello")
        bot.cancel()
        await asyncio.wait([bot])

    async def test_the_bot_for_twisted_answers(self) -> None:
        await self.daemon()
        url = f"ws://127.0.0.1:{self.ws}"
        client = GimClient(url, id="1003")
        answers: DeferredQueue[Message] = DeferredQueue()
        client.on(Message, answers.put)
        for service in program(1, url)["gim"], client:
            service.startService()
            self.addCleanup(service.stopService)
        await client.send("1002", "hello")
        answer = await answers.get().addTimeout(PATIENCE, reactor)
        self.assertEqual(answer.content, "hello")
