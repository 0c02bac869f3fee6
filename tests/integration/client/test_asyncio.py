"""The asyncio client with a real daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import blockingCallFromThread, deferToThread

from gim.client.asyncio import Client
from gim.client.calls import Chatroom
from gim.client.events import Event, Gap, Message, Reset, State
from gim.client.outcome import GimError
from gim.client.store import FileStore
from tests.support.daemon_process import PATIENCE, DaemonTestCase
from tests.support.redis.proxy import Proxy


async def next_message(events: AsyncIterator[Event]) -> Message:
    async for event in events:
        if isinstance(event, Message):
            return event
    raise AssertionError("the client is closed")


class AsyncioClientTests(DaemonTestCase):
    """Each test runs asyncio in a thread of its own."""

    def run_in_asyncio(self, test: Callable[[], Coroutine[Any, Any, None]]) -> Deferred[None]:
        return deferToThread(asyncio.run, asyncio.wait_for(test(), PATIENCE))

    def proxy(self) -> Proxy:
        """Return a proxy before the gateway that was started last."""
        proxy = Proxy(self.ws)
        self.addCleanup(proxy.stop)
        return proxy

    def cut(self, proxy: Proxy) -> None:
        """Break all connections, from the thread of asyncio."""
        blockingCallFromThread(cast(IReactorFromThreads, reactor), proxy.cut)

    def url(self, port: int | None = None) -> str:
        return f"ws://127.0.0.1:{port or self.ws}"

    async def test_users_talk_and_manage_a_chatroom(self) -> None:
        await self.daemon()
        await self.run_in_asyncio(self.talk)

    async def talk(self) -> None:
        async with Client(self.url(), id="ann", name="Ann") as ann, Client(self.url(), id="bob") as bob:
            self.assertEqual((ann.state, ann.user and ann.user.name), ("online", "Ann"))
            events = bob.events()
            sent = await ann.send("bob", "hello")
            message = await next_message(events)
            self.assertEqual(
                (message.id, message.content, message.sender.name), (sent.id, "hello", "Ann")
            )
            self.assertEqual(await bob.read(message.session_id, message.id), 0)
            joined = await ann.join("9999", "The den")
            self.assertEqual((await bob.join("9999")).total, 2)
            await ann.appoint("9999", "bob", "admin")
            self.assertEqual([each.role for each in await ann.members("9999")], ["owner", "admin"])
            await bob.send(Chatroom("9999"), "hi all")
            history = await ann.history(joined.session_id)
            self.assertEqual([each.content for each in history.items], ["hi all"])
            self.assertEqual([each.content async for each in ann.all(joined.session_id)], ["hi all"])
            titles = {each.id: each.title for each in await ann.sessions()}
            self.assertEqual(titles, {"1:9999": "The den", "2:ann:bob": "bob"})
            with self.assertRaises(GimError) as refused:
                await bob.rename("8888", "x")
            self.assertEqual(refused.exception.code, 404)

    async def test_messages_come_once_though_connections_break(self) -> None:
        await self.daemon()
        proxy = self.proxy()
        await self.run_in_asyncio(lambda: self.breaks(proxy))

    async def breaks(self, proxy: Proxy) -> None:
        ann, bob = (Client(self.url(proxy.port), id=each) for each in ("ann", "bob"))
        async with ann, bob:
            pending = []
            for number in range(300):
                pending.append(ann.post("bob", str(number)))
                if number in (100, 200):
                    await pending[number - 50]
                    self.cut(proxy)
            sent = [(await each).id for each in pending]
            events, got = bob.events(), []
            while len(got) < 300:
                got.append(await next_message(events))
            self.assertEqual([each.content for each in got], [str(each) for each in range(300)])
            self.assertEqual([each.id for each in got], sent)

    async def test_missed_messages_of_a_chatroom_are_filled(self) -> None:
        await self.daemon()
        proxy = self.proxy()
        await self.run_in_asyncio(lambda: self.fills(proxy))

    async def fills(self, proxy: Proxy) -> None:
        ann, bob = Client(self.url(), id="ann"), Client(self.url(proxy.port), id="bob")
        async with ann, bob:
            await ann.join("9999")
            await bob.join("9999")
            self.cut(proxy)
            for number in range(30):
                await ann.send(Chatroom("9999"), str(number))
            events, got = bob.events(), []
            while len(got) < 30:
                got.append((await next_message(events)).content)
            self.assertEqual(got, [str(each) for each in range(30)])

    async def test_a_stored_state_goes_on_where_it_was(self) -> None:
        await self.daemon()
        await self.run_in_asyncio(self.stored)

    async def stored(self) -> None:
        store = FileStore(self.directory.child("bob.json").path)
        async with Client(self.url(), id="ann") as ann:
            async with Client(self.url(), id="bob", store=store) as bob:
                await ann.send("bob", "1")
                self.assertEqual((await next_message(bob.events())).content, "1")
            await ann.send("bob", "2")
            async with Client(self.url(), id="bob", store=store) as bob:
                events = bob.events()
                self.assertEqual((await next_message(events)).content, "2")

    async def test_close_ends_everything(self) -> None:
        await self.daemon()
        await self.run_in_asyncio(self.closes)

    async def closes(self) -> None:
        client = Client(self.url(), id="ann")
        early = client.post("bob", "early")
        await client.connect()
        self.assertEqual((await early).session_id, "2:ann:bob")
        await client.close()
        kinds = [type(event) for event in [each async for each in client.events()]]
        self.assertEqual((kinds.count(State), kinds.count(Reset), kinds.count(Gap)), (3, 1, 0))
        with self.assertRaises(GimError) as failed:
            await client.send("bob", "late")
        self.assertEqual(failed.exception.code, "closed")

    async def test_a_refused_handshake_says_when_to_come_back(self) -> None:
        await self.run_in_asyncio(self.busy)

    async def busy(self) -> None:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 503 Busy\r\nRetry-After: 70\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            client = Client(self.url(server.sockets[0].getsockname()[1]), id="ann")
            connecting = asyncio.create_task(client.connect())
            states = (event async for event in client.events() if isinstance(event, State))
            waiting = [await anext(states), await anext(states)][1]
            self.assertEqual((waiting.now, waiting.code), ("waiting", 503))
            self.assertGreaterEqual(waiting.delay or 0, 70)
            await client.close()
            with self.assertRaises(GimError):
                await connecting

    async def test_a_refused_user_is_an_error_of_connect(self) -> None:
        await self.daemon()
        await self.run_in_asyncio(self.refused)

    async def refused(self) -> None:
        client = Client(self.url(), id="a b")
        with self.assertRaises(GimError) as failed:
            await client.connect()
        self.assertEqual((failed.exception.code, client.state), (400, "closed"))
        await client.close()
