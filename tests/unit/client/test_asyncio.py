"""The asyncio client, with a server that answers in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from socket import gaierror
from ssl import create_default_context
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from gim.client import asyncio_socket
from gim.client.asyncio import Client
from gim.client.calls import Chatroom
from gim.client.events import Error, Message, State
from gim.client.outcome import GimError
from gim.client.store import FileStore

LOGIN = {
    "user": {"id": "1001", "name": "Ann"},
    "server_time": 1_800_000_000_000,
    "epoch": "e1",
    "token": "t",
    "missed": 0,
    "recovered": True,
}
BAD_OUTBOX = (  # a state
    '{"user": "1001", "since": "", "epoch": null, "newest": {}, "sent": [], "outbox": [{"type": 1}]}'
)
LATE = 5.0  # seconds until a test gives up


class Connection:
    """What `websockets` would give, for one connection."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.incoming: asyncio.Queue[str | None] = asyncio.Queue()
        self.close_frame: Close | None = None  # None: the network broke
        self.closed_with: int | None = None

    async def send(self, text: str) -> None:
        packet = json.loads(text)
        self._server.packets.append(packet)
        if packet["op"] not in self._server.silent_about:
            self.reply(packet)

    def reply(self, packet: dict[str, Any]) -> None:
        code, data = self._server.answers.get(packet["op"], (0, {}))
        body = json.dumps({"code": code, "msg": "", "data": data})
        self.push(packet["op"] + 1, body, packet["seq"])

    def push(self, op: int, body: str, seq: int = 0) -> None:
        self.incoming.put_nowait(json.dumps({"op": op, "body": body, "seq": seq}))

    async def recv(self) -> str:
        text = await self.incoming.get()
        if text is None:
            raise ConnectionClosedError(self.close_frame, None)
        return text

    def end(self, frame: Close | None = None) -> None:
        self.close_frame = frame
        self.incoming.put_nowait(None)

    async def close(self, code: int) -> None:
        self.closed_with = code
        self.end(Close(code, ""))


class Server:
    """Answers requests with the data of ``answers``, by op: code and data."""

    def __init__(self) -> None:
        self.answers: dict[int, tuple[int, Any]] = {
            101: (0, LOGIN),
            201: (0, {"id": "0" * 31 + "5", "session_id": "2:1001:1002"}),
            205: (0, {"items": [], "cursor": ""}),
        }
        self.silent_about: set[int] = set()
        self.refusals: list[BaseException] = []  # of the next handshakes
        self.packets: list[dict[str, Any]] = []
        self.connections: list[Connection] = []
        self.options: dict[str, Any] = {}  # of the last one

    async def connect(self, url: str, **options: Any) -> Connection:
        if self.refusals:
            raise self.refusals.pop(0)
        self.options = options
        self.connections.append(Connection(self))
        return self.connections[-1]


class Transport(asyncio.Transport):
    """TCP to a server that never ends it."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._protocol = protocol
        self.aborted = False

    def write(self, data: Any) -> None:
        """Take it without effect."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Take them without effect."""

    def is_closing(self) -> bool:
        return self.aborted

    def can_write_eof(self) -> bool:
        return False

    def abort(self) -> None:
        self.aborted = True
        self._protocol.connection_lost(None)


class AsyncioClientTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = Server()
        self.patch(asyncio_socket, "connect", self.server.connect)

    def run_test(self, test: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run(asyncio.wait_for(test(), LATE))

    def client(self, **options: Any) -> Client:
        return Client("ws://localhost:8080", id="1001", **options)

    async def state(self, client: Client, name: str) -> State:
        """Wait for a state among the events."""
        async for event in client.events():
            if isinstance(event, State) and event.now == name:
                return event
        raise AssertionError("the client is closed")

    def test_a_send_that_is_refused_raises(self) -> None:
        async def test() -> None:
            async with self.client() as gim:
                self.assertEqual((gim.state, gim.user and gim.user.name), ("online", "Ann"))
                self.assertEqual((await gim.send("1002", "hello")).id, "0" * 31 + "5")
                self.server.answers[201] = (403, None)
                with self.assertRaises(GimError) as refused:
                    await gim.send(Chatroom("9999"), "hello")
                self.assertEqual((refused.exception.code, refused.exception.temporary), (403, False))
            self.assertEqual(self.server.connections[0].closed_with, 1000)

        self.run_test(test)

    def test_a_message_that_waits_can_be_cancelled_or_tried_again(self) -> None:
        async def test() -> None:
            async with self.client() as gim:
                self.server.silent_about.add(201)
                first, second = gim.post("1002", "1"), gim.post("1002", "2")
                self.assertEqual([entry.content for entry in gim.unsent("1002")], ["1", "2"])
                self.assertEqual((first.cancel(), second.cancel()), (False, True))
                self.assertEqual((first.done, second.done), (False, True))
                self.server.silent_about.clear()
                again = second.retry()
                self.assertNotEqual(again.request_id, second.request_id)
                while len(self.server.packets) < 3:
                    await asyncio.sleep(0)
                self.server.connections[0].reply(self.server.packets[2])
                await first
                await again

        self.run_test(test)

    def test_waiting_can_be_given_up(self) -> None:
        async def test() -> None:
            async with self.client() as gim:
                self.server.silent_about |= {201, 203}
                pending = gim.post("1002", "hello")
                for waiting in pending, gim.history("2:1001:1002"):
                    with self.assertRaises(TimeoutError):
                        await asyncio.wait_for(waiting, 0)
                self.assertFalse(pending.done)

        self.run_test(test)

    def test_a_break_leads_back(self) -> None:
        async def test() -> None:
            async with self.client() as gim:
                self.server.connections[0].end()
                self.assertEqual((await self.state(gim, "waiting")).code, 1006)
                gim.wake()
                await self.state(gim, "online")
                self.server.connections[1].end(Close(3001, "going away: reconnect in 90.00 s"))
                waiting = await self.state(gim, "waiting")
                self.assertEqual((waiting.code, waiting.delay), (3001, 90.0))

        self.run_test(test)

    def test_handshakes_that_fail_are_tried_again(self) -> None:
        async def test() -> None:
            headers = Headers({"Retry-After": "40"})
            refusal = InvalidStatus(Response(503, "Busy", headers, b""))
            self.server.refusals = [ConnectionRefusedError("no"), refusal]
            gim = self.client()
            connecting = asyncio.create_task(gim.connect())
            waiting = await self.state(gim, "waiting")
            self.assertEqual((waiting.code, waiting.reason), (1006, "no"))
            gim.wake()
            waiting = await self.state(gim, "waiting")
            self.assertEqual(waiting.code, 503)
            self.assertGreaterEqual(waiting.delay or 0, 40)
            gim.wake()
            self.assertEqual((await connecting).name, "Ann")
            await gim.close()

        self.run_test(test)

    def test_the_reason_of_the_system_is_said_in_its_words(self) -> None:
        refused = "[Errno 111] Connect call failed ('{}', 9)"
        both = f"Multiple exceptions: {refused.format('::1')}, {refused.format('127.0.0.1')}"

        async def test() -> None:
            gim = self.client()
            connecting = asyncio.create_task(gim.connect())
            for error, reason in (
                (OSError(111, "Connect call failed ('127.0.0.1', 9)"), "Connection refused"),
                (OSError(both), "Connection refused"),
                (gaierror(-2, "Name or service not known"), "Name or service not known"),
            ):
                self.server.refusals = [error]
                gim.wake()
                self.assertEqual((await self.state(gim, "waiting")).reason, reason)
            gim.wake()
            await connecting
            await gim.close()

        self.run_test(test)

    def test_close_while_connecting_gives_up(self) -> None:
        async def test() -> None:
            began = asyncio.Event()
            never: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

            async def connect(url: str, **options: Any) -> Any:
                began.set()
                return await never

            self.patch(asyncio_socket, "connect", connect)
            gim = self.client()
            connecting = asyncio.create_task(gim.connect())
            await began.wait()
            await gim.close()
            with self.assertRaises(GimError):
                await connecting
            self.assertTrue(never.cancelled())

        self.run_test(test)

    def test_a_timeout_of_the_context_manager_leaves_nothing_behind(self) -> None:
        async def test() -> None:
            self.server.silent_about.add(101)
            gim = self.client()
            with self.assertRaises(TimeoutError):
                async with asyncio.timeout(0.01), gim:
                    pass
            self.assertEqual((gim.state, self.server.connections[0].closed_with), ("closed", 1000))

        self.run_test(test)

    def test_a_context_of_tls_is_handed_on(self) -> None:
        context = create_default_context()
        for options, handed_on in (({}, None), ({"ssl": context}, context)):

            async def test(options: Any = options) -> None:
                async with Client("wss://localhost:8080", id="1001", **options):
                    pass

            self.run_test(test)
            self.assertIs(self.server.options.get("ssl"), handed_on)

    def test_the_token_function_is_asked_again_after_a_failure(self) -> None:
        async def test() -> None:
            answers: list[Exception | str] = [ValueError("not now"), "t1"]

            async def token() -> str | None:
                answer = answers.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                return answer

            gim = self.client(token=token)
            connecting = asyncio.create_task(gim.connect())
            self.assertEqual((await self.state(gim, "waiting")).code, "token")
            gim.wake()
            await connecting
            self.assertEqual(self.server.packets[0]["body"]["token"], "t1")
            await gim.close()

        self.run_test(test)

    def test_events_end_when_the_client_is_closed(self) -> None:
        async def test() -> None:
            gim = self.client()
            waiting = asyncio.create_task(self.all_events(gim))
            await asyncio.sleep(0)  # nothing ends before the first connect()
            await gim.connect()
            message = {"id": "0" * 31 + "7", "session_id": "2:1001:1002", "content": "hello"}
            push = {"session": {"id": "2:1001:1002", "title": "Bob"}, "items": [message]}
            self.server.connections[0].push(207, json.dumps(push))
            self.server.connections[0].incoming.put_nowait("nonsense")
            while not self.server.connections[0].incoming.empty():
                await asyncio.sleep(0)
            await gim.close()
            events = await waiting
            self.assertEqual([each.title for each in events if isinstance(each, Message)], ["Bob"])
            self.assertEqual([each.code for each in events if isinstance(each, Error)], ["protocol"])
            self.assertEqual(events[-1], State("closed", None, 1000, ""))

        self.run_test(test)

    async def all_events(self, gim: Client) -> list[Any]:
        return [event async for event in gim.events()]

    def test_requests_have_the_fields_of_their_ops(self) -> None:
        async def test() -> None:
            async with self.client() as gim:
                self.server.answers |= {
                    203: (0, {"items": [], "has_more": False}),
                    209: (0, {"unread": 2}),
                    301: (0, {"session_id": "1:9999", "total": 1}),
                    305: (0, {"items": [], "total": 0, "cursor": ""}),
                    313: (0, {"until": 7}),
                }
                await gim.join("9999", "The den")
                self.assertEqual(await gim.read("1:9999", "m"), 2)
                self.assertEqual(await gim.mute("9999", "1002", 60), 7)
                await gim.appoint("9999", "1002", "admin")
                await gim.rename("9999", "The attic")
                await gim.recall("1:9999", "m")
                await gim.remove("9999", "1002")
                self.assertEqual(await gim.members("9999"), [])
                self.assertEqual(await gim.sessions(2), [])
                self.assertEqual([each async for each in gim.all("1:9999")], [])
                self.assertEqual((await gim.history("1:9999", "m", 5)).items, [])
                await gim.dismiss("9999")
                await gim.leave("9999")
            bodies = {packet["op"]: packet["body"] for packet in self.server.packets}
            self.assertEqual(bodies[301], {"id": "9999", "name": "The den"})
            self.assertEqual(bodies[313], {"id": "9999", "user_id": "1002", "seconds": 60})
            self.assertEqual(bodies[203], {"session_id": "1:9999", "count": 5, "message_id": "m"})
            self.assertEqual(bodies[205]["session_type"], 2)

        self.run_test(test)

    def test_the_state_can_be_saved_at_once(self) -> None:
        async def test() -> None:
            path = self.mktemp()
            async with self.client(store=FileStore(path)) as gim:
                self.server.silent_about.add(201)
                gim.post("1002", "hello")
                gim.save()
                saved = FileStore(path).load() or {}
                self.assertEqual([entry["content"] for entry in saved["outbox"]], ["hello"])

        self.run_test(test)

    def test_a_state_that_can_not_be_read_is_an_error_and_the_client_begins_anew(self) -> None:
        async def test() -> None:
            for text in ("{", "5", '{"user": "1001"}', BAD_OUTBOX):
                path = self.mktemp()
                Path(path).write_text(text)
                gim = self.client(store=FileStore(path))
                error = await anext(gim.events())
                self.assertEqual((type(error), getattr(error, "code", None)), (Error, "store"))
                await gim.connect()
                self.assertEqual((gim.state, gim.unsent()), ("online", []))
                await gim.close()

        self.run_test(test)

    def test_a_close_frame_ends_the_connection_though_tcp_stays(self) -> None:
        async def test() -> None:
            protocol = ClientProtocol(parse_uri("ws://localhost"), state=OPEN)
            connection = asyncio_socket.LeavingConnection(protocol, close_timeout=0, ping_interval=None)
            transport = Transport(connection)
            connection.connection_made(transport)
            connection.response = Response(101, "", Headers())  # the handshake is over
            connection.data_received(b"\x88\x02\x0d\xaf")
            with self.assertRaises(ConnectionClosed) as raised:
                await connection.recv()
            self.assertEqual(raised.exception.rcvd, Close(3503, ""))
            self.assertTrue(transport.aborted)

        self.run_test(test)

    def test_a_url_that_no_network_can_have_is_refused(self) -> None:
        for url in (
            "http://h",
            "h",
            "ws://h:99999",
            "ws://a..b",
            f"wss://{'a' * 64}",
            "ws://",
            "ws://[::1",
        ):
            self.assertRaises(ValueError, Client, url, id="1001")
