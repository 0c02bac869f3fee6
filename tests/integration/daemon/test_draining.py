"""Stopping a real daemon that has clients: who is closed when, what HTTP says meanwhile, when it ends."""

from __future__ import annotations

import json
import re
import signal
import socket

import treq
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.support.daemon_process import PATIENCE, Client, DaemonTestCase

CLIENTS = 300
BUSY = 20  # seconds: a busy machine takes some, and a drain that is not cut short takes a minute
REASON = re.compile(r"going away: reconnect in (\d+\.\d\d) s")


class DrainingTests(DaemonTestCase):
    async def clients(self, count: int) -> list[Client]:
        """Return clients that are logged in."""
        clients: list[Client] = []
        for _ in range(0, count, 50):
            some = [Deferred.fromCoroutine(self.client()) for _ in range(min(50, count))]
            clients += await gatherResults(some, consumeErrors=True)
        logins = [client.ask(101, id=f"u{number}") for number, client in enumerate(clients)]
        await gatherResults(map(Deferred.fromCoroutine, logins), consumeErrors=True)
        return clients

    async def why_not_ready(self) -> str:
        url = f"http://127.0.0.1:{self.http}/readyz"
        response = await treq.get(url, persistent=False, timeout=PATIENCE)
        envelope = await treq.json_content(response)
        self.assertEqual((response.code, envelope["code"]), (503, 503))
        return str(envelope["data"]["reason"])

    async def test_some_hundred_clients_are_closed_one_after_the_other(self) -> None:
        process = await self.daemon("--drain", "2s")
        clients = await self.clients(CLIENTS)
        moments: list[float] = []
        for client in clients:
            client.closed.addCallback(lambda code: moments.append(reactor.seconds()) or code)  # type: ignore[call-overload]
        process.signal(signal.SIGTERM)
        await process.says("stopping, 300 connections to close")
        began = reactor.seconds()
        self.assertEqual(await self.why_not_ready(), "draining")
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.ws)).close()
        codes = await gatherResults([client.closed for client in clients])
        self.assertEqual(set(codes), {3001})
        self.assertEqual(await process.exited.addTimeout(PATIENCE, reactor), 0)
        self.assertLess(reactor.seconds() - began, BUSY)
        middle = [moment for moment in moments if 0.5 < moment - began < 1.5]
        self.assertGreater(len(middle), CLIENTS / 4)
        self.assertLess(len(middle), CLIENTS * 3 / 4)
        hints = {REASON.fullmatch(client.reason)[1] for client in clients}  # type: ignore[index, arg-type]
        self.assertEqual(len(hints), CLIENTS)
        self.assertNotIn("Traceback", process.output[1] + process.output[2])

    async def test_a_message_that_is_acknowledged_meanwhile_is_delivered(self) -> None:
        process = await self.daemon("--drain", "3s")
        clients = await self.clients(2)
        process.signal(signal.SIGTERM)
        await process.says("stopping")
        await deferLater(reactor, 0.1)
        (left,) = [client for client in clients if not client.closed.called]
        other = clients.index(left) ^ 1
        self.assertIn("id", await left.ask(201, type=2, target_id=f"u{other}", content="for later"))
        page = await left.ask(203, session_id="2:u0:u1")
        self.assertEqual([item["content"] for item in page["items"]], ["for later"])
        left.sendClose(1000)
        self.assertEqual(await process.exited.addTimeout(PATIENCE, reactor), 0)

    async def test_it_ends_at_once_without_connections(self) -> None:
        process = await self.daemon("--drain", "1m")
        await treq.get(f"http://127.0.0.1:{self.http}/readyz", persistent=False)  # it runs
        began = reactor.seconds()
        process.signal(signal.SIGTERM)
        self.assertEqual(await process.exited, 0)
        self.assertLess(reactor.seconds() - began, BUSY)

    async def test_a_second_signal_ends_it_at_once(self) -> None:
        for first, second in (signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT):
            process = await self.daemon("--drain", "1m")
            clients = await self.clients(20)
            process.signal(first)
            await process.says("stopping, 20 connections")
            began = reactor.seconds()
            process.signal(second)
            codes = await gatherResults([client.closed for client in clients])
            self.assertEqual(set(codes), {3001})
            self.assertEqual(await process.exited, 0)
            self.assertLess(reactor.seconds() - began, BUSY)
            self.assertNotIn("Traceback", process.output[1] + process.output[2])

    async def test_a_chatroom_push_that_waits_goes_before_the_close(self) -> None:
        process = await self.daemon("--drain", "1s", "--message-push-duration", "1m")
        clients = await self.clients(4)
        for client in clients:
            await client.ask(301, id="den")
        for content in "abc":
            body = {"type": 1, "target_id": "den", "content": content}
            clients[0].say(json.dumps({"op": 201, "body": body}))
        replies = [json.loads(await clients[0].next()) for _ in range(4)]
        self.assertEqual(sorted(packet["op"] for packet in replies), [202, 202, 202, 207])
        for client in clients[1:]:
            self.assertIn('\\"content\\":\\"a\\"', await client.next())
        process.signal(signal.SIGTERM)
        for client in clients:
            push = json.loads(json.loads(await client.next())["body"])
            self.assertEqual([item["content"] for item in push["items"]], ["b", "c"])
        self.assertEqual(await process.exited, 0)
