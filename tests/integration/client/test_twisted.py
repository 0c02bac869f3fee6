"""The Twisted client with a real daemon."""

from __future__ import annotations

import signal
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, DeferredQueue
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import Factory, Protocol

from gim.client.calls import Chatroom
from gim.client.events import Error, Message, Sent, State
from gim.client.outcome import GimError
from gim.client.twisted import GimClient
from tests.support.daemon_process import PATIENCE, DaemonTestCase


class Busy(Protocol):
    """Refuses a handshake."""

    transport: ITransport

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(b"HTTP/1.1 503 Busy\r\nRetry-After: 70\r\nContent-Length: 0\r\n\r\n")
        self.transport.loseConnection()


class TwistedClientTests(DaemonTestCase):
    ws = 0

    def gim(self, id: str, name: str | None = None) -> GimClient:
        """Return a client that runs until the end of the test."""
        client = GimClient(f"ws://127.0.0.1:{self.ws}", id=id, name=name)
        client.startService()
        self.addCleanup(client.stopService)
        return client

    def inbox(self, client: GimClient) -> DeferredQueue[Message]:
        """Return the messages that come from now on."""
        inbox: DeferredQueue[Message] = DeferredQueue()
        client.on(Message, inbox.put)
        return inbox

    async def next(self, inbox: DeferredQueue[Message]) -> Message:
        return await inbox.get().addTimeout(PATIENCE, reactor)

    async def test_users_talk_and_manage_a_chatroom(self) -> None:
        await self.daemon()
        ann, bob = self.gim("ann", "Ann"), self.gim("bob")
        inbox = self.inbox(bob)
        self.assertEqual((await ann.when_online()).name, "Ann")
        await bob.when_online()
        sent = await ann.send("bob", "hello")
        message = await self.next(inbox)
        self.assertEqual((message.id, message.content), (sent.id, "hello"))
        await ann.join("9999", "The den")
        self.assertEqual((await bob.join("9999")).total, 2)
        await ann.send(Chatroom("9999"), "hi all")
        self.assertEqual((await self.next(inbox)).title, "The den")
        self.assertEqual([each.id for each in await bob.members("9999")], ["ann", "bob"])
        self.assertEqual(len(await bob.sessions()), 2)
        self.assertEqual([each.content async for each in bob.all("1:9999")], ["hi all"])
        await self.assertFailure(bob.rename("9999", "x"), GimError)

    async def test_a_handler_that_raises_stops_nothing(self) -> None:
        await self.daemon()
        ann, bob = self.gim("ann"), self.gim("bob")
        errors: DeferredQueue[Error] = DeferredQueue()
        bob.on(Message, lambda message: 1 / 0)
        bob.on(Error, errors.put)
        inbox = self.inbox(bob)
        await bob.when_online()
        for text in ("1", "2"):
            await ann.send("bob", text)
            self.assertEqual((await self.next(inbox)).content, text)
            self.assertEqual((await errors.get()).code, "handler")

    async def test_a_handler_may_send_and_wait(self) -> None:
        await self.daemon()
        ann, bob = self.gim("ann"), self.gim("bob")

        answered: Deferred[Sent] = Deferred()

        async def answer(message: Message) -> None:
            answered.callback(await bob.send(message.sender.id, message.content + "!"))

        bob.on(Message, answer)
        inbox = self.inbox(ann)
        await bob.when_online()
        await ann.send("bob", "hello")
        received = await self.next(inbox)
        self.assertEqual(received.content, "hello!")
        # before the end of the test closes the client, which would leave the send uncertain
        self.assertEqual((await answered.addTimeout(PATIENCE, reactor)).id, received.id)

    async def test_it_comes_back_when_the_daemon_does(self) -> None:
        process = await self.daemon()
        ann, bob = self.gim("ann"), self.gim("bob")
        inbox = self.inbox(bob)
        await DeferredList([ann.when_online(), bob.when_online()])
        gone = [self.state(client, "waiting") for client in (ann, bob)]
        process.signal(signal.SIGKILL)
        await DeferredList(gone)
        waiting = ann.send("bob", "later")
        await self.assertFailure(ann.history("2:ann:bob"), GimError)
        port = self.ws
        address = "tcp:0:interface=127.0.0.1"
        again = self.spawn(
            *("twistd", "-n", "gim", "--http", address, "--ws", f"tcp:{port}:interface=127.0.0.1")
        )
        await self.listens(again)
        sent = await waiting.addTimeout(PATIENCE, reactor)
        self.assertEqual((await self.next(inbox)).id, sent.id)

    def state(self, client: GimClient, name: str) -> Deferred[None]:
        """Wait until a client is in a state."""
        reached: Deferred[None] = Deferred()

        def check(state: State) -> None:
            if state.now == name and not reached.called:
                reached.callback(None)

        client.on(State, check)
        return reached.addTimeout(PATIENCE, reactor)

    async def test_a_refused_handshake_says_when_to_come_back(self) -> None:
        port: Any = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(
            Factory.forProtocol(Busy)
        )
        self.addCleanup(port.stopListening)
        self.ws = port.getHost().port
        states: list[State] = []
        client = self.gim("ann")
        client.on(State, states.append)
        await self.state(client, "waiting")
        self.assertEqual(states[-1].code, 503)
        self.assertGreaterEqual(states[-1].delay or 0, 70)

    async def test_stopping_ends_what_waits(self) -> None:
        await self.daemon()
        ann = self.gim("ann")
        unsent = self.assertFailure(ann.send("bob", "hello"), GimError)
        await ann.stopService()
        self.assertEqual(cast(GimError, await unsent).code, "closed")
        self.assertEqual(ann.state, "closed")

    async def test_a_refused_user_is_told_so(self) -> None:
        await self.daemon()
        refused = await self.assertFailure(self.gim("a b").when_online(), GimError)
        self.assertEqual(cast(GimError, refused).code, 400)
